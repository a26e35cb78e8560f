import stat

import pytest

from spark_avatar.errors import ConfigurationError
from spark_avatar.storage.secret import load_secret


def test_a_secret_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "data" / "secret"
    secret = load_secret(path)
    assert len(secret) == 32
    assert load_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_secrets_differ(tmp_path):
    assert load_secret(tmp_path / "a") != load_secret(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_secret_that_others_can_reach_is_refused(tmp_path, mode):
    path = tmp_path / "secret"
    load_secret(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_secret(path)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_something_else_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=f"{len(content)} bytes"):
        load_secret(path)


def test_the_message_shows_no_path_of_the_server(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError) as refused:
        load_secret(path)
    assert str(tmp_path) not in str(refused.value)
