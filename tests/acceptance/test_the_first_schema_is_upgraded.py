"""A server that is started on what the first release stored: its keys open, its tasks are told, its videos are delivered, and its
waiting tasks can be cancelled, on each database.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect

from acceptance.conftest import MODEL, Server
from spark_avatar.accounts.bearer_secrets import KEY_MARK, hash_of, new_secret, prefix_of
from spark_avatar.database import schema
from spark_avatar.database.engine import open_database, writing
from spark_avatar.database.migrate import upgrade
from spark_avatar.schemas.identity import AccountId, TaskId
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.rows import row_of
from spark_avatar.tasks.task import Task, TaskOutput, TaskRequest, TaskStatus, TaskUsage

CREATE = "/model/v1/generation"
VIDEO = bytes(range(256)) * 40
NOW = datetime.now(UTC).replace(microsecond=0)
REQUEST = TaskRequest(MODEL, "https://example.org/a.jpg", "https://example.org/b.wav")


def store_as_the_first_release(url: str, files: Path) -> str:
    """A key, a completed task with its video, and one that waits; returns the key's secret."""
    upgrade(url, revision="0001")
    engine, secret = open_database(url), new_secret(KEY_MARK)
    known = {column["name"] for column in inspect(engine).get_columns("tasks")}
    key = "outputs/anna/done/1.mp4"
    output = TaskOutput(key, "video/mp4", len(VIDEO), "job", 1.0, 512, 512)
    done = Task(
        TaskId("done"),
        AccountId("anna"),
        "k",
        REQUEST,
        created_at=NOW,
        status=TaskStatus.COMPLETED,
        progress=1.0,
        attempts=1,
        ended_at=NOW,
        outputs=(output,),
        usage=TaskUsage("0.0420", 1.0, 17),
    )
    waiting = Task(TaskId("waiting"), AccountId("anna"), "k", REQUEST, created_at=NOW)
    with writing(engine) as connection:
        connection.execute(insert(schema.accounts).values(id="anna", created_at=NOW))
        key_row = {"id": "k", "name": "old", "prefix": prefix_of(secret), "account_id": "anna", "secret_hash": hash_of(secret)}
        connection.execute(insert(schema.api_keys).values(**key_row, created_at=NOW))
        for task in (done, waiting):
            row = {name: value for name, value in row_of(task).items() if name in known}
            connection.execute(schema.tasks.insert(), row)
    engine.dispose()
    ObjectStorage(str(files)).put(key, VIDEO)
    return secret


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_the_first_release_stored_is_served(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data, settings = tmp_path / "data", {}
    data.mkdir()
    url = f"sqlite:///{data / 'spark-avatar.sqlite3'}"
    if kind == "postgresql":
        url = settings["SPARK_AVATAR_DATABASE_URL"] = request.getfixturevalue("own_postgresql")
    secret = store_as_the_first_release(url, data / "files")
    server = Server(data, workers=0, **settings).start()
    try:
        with server.client(secret) as client:
            done = client.get(f"{CREATE}/task/done").raise_for_status().json()
            assert (done["status"], done["usage"]["cost"]) == ("completed", "0.0420")
            assert client.get(done["output"][0]["content"][0]["url"]).raise_for_status().content == VIDEO
            assert client.get(f"{CREATE}/task/waiting").json()["status"] == "in_progress"
            assert client.delete(f"{CREATE}/task/waiting").json()["error"]["code"] == "003016031"
            new = client.post(CREATE, json={"model": MODEL, "image_url": REQUEST.image_url, "audio_url": REQUEST.audio_url})
            listed = client.get(f"{CREATE}/tasks").json()["tasks"]
            assert listed[0]["id"] == new.raise_for_status().json()["id"]
            assert {task["id"] for task in listed[1:]} == {"done", "waiting"}
            assert client.get("/api/v1/user/balance").raise_for_status().json()["data"]["user_id"] == "anna"
            assert client.get("/api/v1/keys").status_code == 403, "an old key got more rights than a new one has by default"
    finally:
        server.stop()
