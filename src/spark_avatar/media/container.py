"""Opens files of sound and video that strangers sent: known formats only, this file only.

FFmpeg reads hundreds of formats, among them playlists that make it fetch addresses or open other files (HLS, DASH, concat,
SDP). Lists of what is allowed, handed to FFmpeg itself, leave none of these a chance: a playlist is refused before it is read.
"""

from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

_DEMUXERS: Final = (
    *("wav", "w64", "aiff", "au", "caf", "flac", "mp3", "aac", "ac3", "amr", "ogg"),
    *("mov", "matroska", "avi", "mpegts", "asf"),
)
"""Containers, by FFmpeg's names; `mov` includes MP4, M4A and 3GP, `matroska` includes WebM."""

SOUND_DECODERS: Final = frozenset(
    {
        *("mp3float", "mp3", "mp2float", "mp2", "aac", "ac3", "eac3", "opus", "libopus", "vorbis", "flac", "alac", "speex"),
        *("amrnb", "amrwb", "wmav1", "wmav2", "wmapro", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "gsm", "gsm_ms", "g722"),
        *("pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
        *("pcm_s32be", "pcm_s64le", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
    }
)
"""Decoders that may run on a recording, by FFmpeg's names."""


def open_media(path: Path, *, sound_only: bool = False) -> InputContainer:
    """Opens a local file; with `sound_only` no picture in it is decoded while its streams are identified.

    Raises `av.FFmpegError` for what is not a file of an allowed format, or damaged beyond opening.
    """
    options = {"format_whitelist": ",".join(_DEMUXERS), "protocol_whitelist": "file"}
    if sound_only:
        options["codec_whitelist"] = ",".join(sorted(SOUND_DECODERS))
    return av.open(str(path.absolute()), "r", options=options, metadata_errors="replace")
