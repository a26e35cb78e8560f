import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spark_avatar.dispatch.presence import ServerPresence

SERVER = """
import sys, time
from pathlib import Path
from spark_avatar.dispatch.presence import ServerPresence
presence = ServerPresence(Path(sys.argv[1]))
print(presence.server_id, flush=True)
time.sleep(60)
"""


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """The id of a server that runs until the block ends, and is killed then."""
    with subprocess.Popen([sys.executable, "-c", SERVER, folder], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def killed(tmp_path: Path) -> str:
    """The id of a server that was killed."""
    with running_server(tmp_path) as server_id:
        pass
    return server_id


def test_a_killed_server_is_buried_once(killed: str, tmp_path: Path):
    presence, buried = ServerPresence(tmp_path), []
    assert presence.bury_dead(buried.append) == 1
    assert presence.bury_dead(buried.append) == 0
    assert buried == [killed]
    assert [path.stem for path in tmp_path.iterdir()] == [presence.server_id]


def test_the_living_are_left_alone(tmp_path: Path):
    presence, buried = ServerPresence(tmp_path), []
    with running_server(tmp_path) as server_id:
        assert presence.bury_dead(buried.append) == 0
        assert buried == []
    assert presence.bury_dead(buried.append) == 1
    assert buried == [server_id]


def test_what_cannot_be_handed_back_is_tried_again(killed: str, tmp_path: Path):
    presence, buried = ServerPresence(tmp_path), []

    def fail(_server_id: str) -> None:
        raise OSError("no database")

    assert presence.bury_dead(fail) == 0
    assert presence.bury_dead(buried.append) == 1
    assert buried == [killed]


def test_a_server_that_ends_in_good_order_leaves_nothing(tmp_path: Path):
    presence = ServerPresence(tmp_path / "run")
    assert ServerPresence(tmp_path / "run").server_id != presence.server_id
    presence.withdraw()
    assert not (tmp_path / "run" / f"{presence.server_id}.lock").exists()
