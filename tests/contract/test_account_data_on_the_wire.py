"""An owner takes a copy of everything, and ends the workspace, over HTTP."""

import io
import itertools
import json
import zipfile

import httpx
import pytest
from contract_house import House, Worker
from strict_client import decode_error

from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import csrf_token

_numbers = itertools.count()
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}
ACCOUNT = "/api/v1/account"


class Workspace:
    """One workspace with an owner in a browser, a key, and a finished task."""

    def __init__(self, house: House, worker: Worker, stranger: httpx.Client) -> None:
        self.id, self.house, self.http = f"films-{next(_numbers)}", house, stranger
        self.owner = self.sign_in(Role.OWNER)
        _, self.key = house.keys.create("studio", account=self.id)
        made = self.call("POST", "/model/v1/generation", bearer=True, json=FLAT)
        self.task_id = made.json()["id"]
        worker.complete(*worker.start(self.task_id), b"a video")

    def sign_in(self, role: Role) -> dict[str, str]:
        accounts = self.house.ports.accounts
        email = f"{self.id}-{role}@example.org"
        user = accounts.members.users.add(email, "Ada", None, account=self.id, role=role).user
        _, secret = accounts.sign_in.sessions.open(user.id, self.id, address="", user_agent="")
        return {"Cookie": f"spark_session={secret}", "X-CSRF-Token": csrf_token(secret)}

    def call(self, method: str, path: str, *, bearer: bool = False, headers: dict[str, str] | None = None, **options: object):
        given = {"Authorization": f"Bearer {self.key}"} if bearer else (headers or self.owner)
        return self.http.request(method, path, headers=given, **options)  # type: ignore[arg-type]


@pytest.fixture
def workspace(house: House, worker: Worker, stranger: httpx.Client) -> Workspace:
    return Workspace(house, worker, stranger)


def test_an_owner_exports_records_and_files(workspace: Workspace) -> None:
    answer = workspace.call("GET", f"{ACCOUNT}/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert workspace.id in answer.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    (task,) = [json.loads(line) for line in archive.read("records/tasks.jsonl").splitlines()]
    assert task["id"] == workspace.task_id
    assert archive.read(f"files/outputs/{workspace.id}/{workspace.task_id}/1.mp4") == b"a video"


def test_an_owner_ends_the_workspace(workspace: Workspace, house: House) -> None:
    answer = workspace.call("DELETE", ACCOUNT, json={"confirm": workspace.id})
    assert answer.json() == {"tasks": 1, "files": 0, "users": 1}
    assert workspace.call("GET", "/api/v1/session").status_code == 401
    assert workspace.call("GET", "/model/v1/generation/tasks", bearer=True).status_code == 401
    assert house.store.recent(workspace.id, limit=9) == []


@pytest.mark.parametrize("body", [{"confirm": "another"}, {}, {"confirm": None}])
def test_a_slip_of_the_hand_erases_nothing(workspace: Workspace, body: dict[str, object]) -> None:
    answer = workspace.call("DELETE", ACCOUNT, json=body)
    assert answer.status_code == 400
    decode_error(answer)
    assert workspace.call("GET", "/model/v1/generation/tasks", bearer=True).status_code == 200


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_nobody_but_an_owner(workspace: Workspace, role: Role) -> None:
    other = workspace.sign_in(role)
    for method, path in (("GET", f"{ACCOUNT}/export"), ("DELETE", ACCOUNT)):
        for headers in (other, {"Authorization": f"Bearer {workspace.key}"}):
            answer = workspace.call(method, path, headers=headers, json={"confirm": workspace.id})
            assert (answer.status_code, decode_error(answer)["code"]) == (403, "forbidden")


def test_so_many_exports_and_no_more(workspace: Workspace) -> None:
    statuses = [workspace.call("GET", f"{ACCOUNT}/export").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
