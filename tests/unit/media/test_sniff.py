"""What a file is, from its first bytes."""

import io

import pytest
from PIL import Image

from spark_avatar.media.sniff import sniff_kind, sniff_media, with_article


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html><body><svg></svg>", "HTML page"),
        (b"\n  <html lang='en'>", "HTML page"),
        (b"<p>Not found</p>", "HTML page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><title>x</title></svg>', "SVG drawing"),
        (b"<svg width='1'>", "SVG drawing"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML document"),
        (b'{"error": "not found"}', "JSON document"),
        (b"#EXTM3U\n#EXTINF:1\nhttp://127.0.0.1/x.ts\n", "playlist"),
        ("Grüße an alle\n".encode(), "text"),
        ("Grüße".encode()[:3], "text"),
        ("text".encode("utf-16"), "text"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF document"),
        (b"PK\x03\x04\x14\x00", "ZIP archive"),
        (b"ID3\x04\x00\x00", "MP3 sound"),
        (b"\xff\xfb\x90\x64\x00", "MP3 sound"),
        (b"\xff\xf1\x50\x80\x00", "AAC sound"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", "WAV sound"),
        (b"RIFF\x24\x08\x00\x00AVI LIST", "AVI video"),
        (b"FORM\x00\x00\x00\x00AIFFCOMM", "AIFF sound"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00M4A isom", "M4A sound"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "MP4 video"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicmiaf", "HEIC picture"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", "AVIF picture"),
        (bytes(range(200, 240)) * 4, "file of an unknown type"),
    ],
)
def test_names(head, name):
    assert sniff_media(head) == name


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "AVIF"])
def test_pictures_that_pillow_writes(name):
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, name)
    head = file.getvalue()[:4096]
    assert sniff_media(head) == f"{name} picture"
    assert sniff_kind(head) == "image"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"fLaC", "audio"),
        (b"wvpk", "audio"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"<svg>", "other"),
        (b"plain", "other"),
        (b"", "other"),
    ],
)
def test_kinds(head, kind):
    assert sniff_kind(head) == kind


def test_articles_read_well():
    names = ["HTML page", "MP3 sound", "JPEG picture", "Ogg sound", "FLAC sound", "text", "empty file"]
    assert [with_article(name) for name in names] == [
        "an HTML page",
        "an MP3 sound",
        "a JPEG picture",
        "an Ogg sound",
        "a FLAC sound",
        "text",
        "an empty file",
    ]
