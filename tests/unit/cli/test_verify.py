"""What the terminal shows of a video."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from spark_avatar.cli.app import cli
from spark_avatar.media.video import VideoWriter
from spark_avatar.provenance.tags import write_tags


def test_a_strangers_words_do_not_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with VideoWriter(path, width=64, height=64, frame_rate=Fraction(25), audio=None, seconds=0.04) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
    write_tags(path, source_type="\x1b[2Jtext", identity="\x1b]0;title\x07")
    shown = CliRunner().invoke(cli, ["verify", str(path), "--data-dir", str(tmp_path / "data")], color=True)
    assert shown.exit_code == 0
    assert "[2Jtext" in shown.stdout
    assert not {"\x1b", "\x07"} & set(shown.stdout)
