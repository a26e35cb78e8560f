import base64
import os
from urllib.parse import quote

import pytest

from spark_avatar.errors import AudioUrlInvalid, ImageTooManyBytes, ImageUnreadable, ImageUrlInvalid
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.data_url import decode_data_url
from spark_avatar.service.faults import faults_of

CONTENT = bytes(range(256)) * 4
FAULTS = faults_of("image", MediaLimits(image_bytes=len(CONTENT)))
BASE64 = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{BASE64}",
        f"DATA:image/png;name=a;BASE64,{BASE64}",
        f"data:;base64,{BASE64.rstrip('=')}",
        f"data:;base64,{quote(BASE64, safe='')}",
        f"data:;base64,{base64.urlsafe_b64encode(CONTENT).decode()}",
        f"data:;base64,{BASE64[:40]}\r\n {BASE64[40:]}",
        f"data:application/octet-stream,{quote(CONTENT)}",
    ],
)
def test_every_spelling_gives_the_same_bytes(url):
    assert decode_data_url(url, FAULTS) == CONTENT


@pytest.mark.parametrize(
    "url", ["data:image/png;base64", "data:;base64,A", "data:;base64,?*?*", "data:,%zz", "data:;base64,ÄÖÜ="]
)
def test_damaged_urls_say_so(url):
    with pytest.raises(ImageUrlInvalid, match="image_url"):
        decode_data_url(url, FAULTS)


def test_the_recording_has_its_own_code():
    with pytest.raises(AudioUrlInvalid, match="audio_url"):
        decode_data_url("data:oops", faults_of("audio", MediaLimits()))


def test_nothing_is_not_a_file():
    with pytest.raises(ImageUnreadable, match="empty"):
        decode_data_url("data:image/png;base64,", FAULTS)


@pytest.mark.parametrize(
    "encode", [lambda content: ";base64," + base64.b64encode(content).decode(), lambda content: "," + quote(content)]
)
def test_one_byte_too_many(encode):
    too_much = os.urandom(len(CONTENT) + 1)
    with pytest.raises(ImageTooManyBytes) as caught:
        decode_data_url("data:" + encode(too_much), FAULTS)
    assert caught.value.facts["image_bytes"] == len(too_much)
