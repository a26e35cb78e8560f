"""Plain metadata of a video: what kind of media it is, for programs that know nothing of C2PA.

In an MP4 or MOV it is an XMP packet, a box of its own at the end of the file (ISO/IEC 14496-12, `uuid`; Adobe XMP Specification
part 3, 1.2.7.1), so that nothing in the file moves. The property is IPTC's `DigitalSourceType`, which platforms read to label
synthetic media. WebM has no place for such a packet; there Matroska's own tags say the same.
"""

import html
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from spark_avatar import __version__
from spark_avatar.media.boxes import box_of_type
from spark_avatar.media.rewrap import retag
from spark_avatar.media.video_format import MP4, VideoFormat

_XMP_BOX: Final = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_LARGEST: Final = 1 << 20
"""A stranger's box that is longer is not looked at."""
_TERMS: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_MATROSKA: Final = ("DIGITAL_SOURCE_TYPE", "IDENTIFIER", "CREATOR_TOOL")
"""Names of the tags in a WebM: what kind of media, which video, made with what."""

_PACKET: Final = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    Iptc4xmpExt:DigitalSourceType={source_type}
    xmp:CreatorTool={tool}
    dc:identifier={identity}>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{description}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Tags:
    """What the packet says."""

    source_type: str | None
    """IPTC digital source type, the term alone."""
    identity: str | None
    tool: str | None


def write_tags(path: Path, *, source_type: str, identity: str, video_format: VideoFormat = MP4) -> None:
    """Tags a finished video of our own. Raises `GenerationError`."""
    if not video_format.boxed:
        tool = f"Spark Avatar {__version__}"
        retag(path, video_format, dict(zip(_MATROSKA, (_TERMS + source_type, identity, tool), strict=True)))
        return
    packet = _PACKET.format(
        source_type=_quoted(_TERMS + source_type),
        tool=_quoted(f"Spark Avatar {__version__}"),
        identity=_quoted(identity),
        description=html.escape("AI-generated video: a portrait made to speak."),
    ).encode()
    with path.open("ab") as file:
        file.write(struct.pack(">I4s16s", 24 + len(packet), b"uuid", _XMP_BOX) + packet)


def tags_in(metadata: Mapping[str, str]) -> Tags | None:
    """What a WebM's plain metadata says, if it names a digital source type."""
    source_type, identity, tool = (metadata.get(name) for name in _MATROSKA)
    return None if source_type is None else Tags(source_type.rsplit("/", 1)[-1], identity, tool)


def read_tags(path: Path) -> Tags | None:
    """The packet of an MP4 or MOV, if it has one that names a digital source type."""
    packet = _packet(path)
    if packet is None:
        return None
    found = {
        name: re.search(rf'{name}\s*=\s*["\']([^"\']*)["\']', packet)
        for name in ("DigitalSourceType", "identifier", "CreatorTool")
    }
    source_type, identity, tool = (match.group(1) if match else None for match in found.values())
    if source_type is None:
        return None
    return Tags(source_type.rsplit("/", 1)[-1], identity, tool)


def _quoted(text: str) -> str:
    """An attribute's value. XML's own helpers would load an HTTP client."""
    return f'"{html.escape(text)}"'


def _packet(path: Path) -> str | None:
    with path.open("rb") as file:
        box = box_of_type(file, _XMP_BOX)
        if box is None:
            return None
        end = path.stat().st_size if box.end is None else box.end
        if end - box.start > _LARGEST:
            return None
        file.seek(box.content + len(_XMP_BOX))
        return file.read(end - file.tell()).decode("utf-8", "replace")
