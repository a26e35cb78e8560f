"""What a server answers whose disk has no room for what a request brings."""

import errno
import sqlite3
import tempfile

import httpx
import pytest
from contract_house import House
from sqlalchemy.exc import OperationalError
from strict_client import decode_error

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
TAKE_FILES = ("/api/v1/storage/files", "/api/v1/verify")


def no_room(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")


class FullTemporaryFile(tempfile.SpooledTemporaryFile):
    write = no_room


@pytest.fixture(params=["the server's copy", "the folder of the copy", "the parser's file"])
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the server's copy":
        monkeypatch.setattr("spark_avatar.api.uploads.shutil.copyfileobj", no_room)
    elif request.param == "the folder of the copy":
        monkeypatch.setattr("spark_avatar.api.uploads.tempfile.TemporaryDirectory", no_room)
    else:
        monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", FullTemporaryFile)


@pytest.mark.parametrize("path", TAKE_FILES)
@pytest.mark.usefixtures("full_disk")
def test_a_file_for_which_there_is_no_room_is_a_503(path: str, http: httpx.Client, house: House) -> None:
    answer = http.post(path, files={"file": ("a.png", PNG)})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    error = decode_error(answer)
    assert error["code"] == "storage_unavailable"
    assert "room" in error["message"]
    assert "secret" not in answer.text
    assert list(house.ports.scratch.iterdir()) == []


@pytest.mark.parametrize("path", TAKE_FILES)
def test_another_fault_of_the_disk_stays_ours(path: str, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("spark_avatar.api.uploads.shutil.copyfileobj", broken)
    answer = http.post(path, files={"file": ("a.png", PNG)})
    assert (answer.status_code, decode_error(answer)["code"]) == (500, "internal_error")


class FullDatabase(sqlite3.OperationalError):
    sqlite_errorcode = sqlite3.SQLITE_FULL


def test_a_database_without_room_is_a_503_that_says_so(http: httpx.Client, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, FullDatabase("database or disk is full"))

    monkeypatch.setattr(type(house.store), "get", full)
    answer = http.get("/model/v1/generation/task/00000000-0000-0000-0000-000000000000")
    assert answer.status_code == 503
    error = decode_error(answer)
    assert error["code"] == "database_unavailable"
    assert "no room" in error["message"]
