"""`spark-avatar render` with an engine that is elsewhere."""

import json

from comfyui_server import ComfyServer, running
from remote_jobs import remote_job, video_bytes
from typer.testing import CliRunner

from spark_avatar.cli.app import cli
from spark_avatar.errors import InvalidOptions


def test_a_workflow_renders_from_the_command_line(tmp_path, monkeypatch):
    remote_job(tmp_path, None)
    video = video_bytes()
    with running(ComfyServer(make=lambda _graph, _uploads: video)) as server:
        monkeypatch.setenv("SPARK_AVATAR_COMFYUI_URLS", server.url)
        monkeypatch.setenv("SPARK_AVATAR_DATA_DIR", str(tmp_path / "data"))
        command = ["render", str(tmp_path / "image"), str(tmp_path / "audio"), "-o", str(tmp_path / "out.mp4"), "--json"]
        engine = ["--engine", "comfyui.comfyui_example"]
        done = CliRunner().invoke(cli, [*command, *engine, "--option", "width=384", "--fps", "25"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["engine"] == "comfyui.comfyui_example"
        assert server.bodies[0]["prompt"]["3"]["inputs"]["width"] == 384
        unknown = CliRunner().invoke(cli, [*command, *engine, "--option", "steps=3"])
        assert isinstance(unknown.exception, InvalidOptions)
        wrong = CliRunner().invoke(cli, [*command, *engine, "--option", "width"])
        assert (wrong.exit_code, "NAME=VALUE" in wrong.output) == (2, True)
