"""One day in a workspace through HTTP, on each database: the whole server, put together from its settings."""

import asyncio

import httpx
import pytest

from spark_avatar.app.server import create_app
from spark_avatar.config import Settings

PASSWORD = "long enough 1"
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}


@pytest.fixture
def app(database_url, tmp_path):
    return create_app(Settings(data_dir=tmp_path / "data", database_url=database_url, workers=0))


def test_from_the_first_start_to_the_last_sign_out(app):
    asyncio.run(_day(app))


async def _day(app):
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
            owner = await _become_owner(app, browser)
            token = {"X-CSRF-Token": owner["csrf_token"]}
            key = (await browser.post("/api/v1/keys", json={"name": "laptop", "rate_limit": "50/minute"}, headers=token)).json()
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as program:
                program.headers["Authorization"] = f"Bearer {key['secret']}"
                task = (await program.post("/model/v1/generation", json=FLAT)).json()
                assert (await browser.get(f"/model/v1/generation/task/{task['id']}")).json()["id"] == task["id"]
                assert (await program.get("/api/v1/keys")).status_code == 403
                new = (await browser.post(f"/api/v1/keys/{key['id']}/rotate", json={}, headers=token)).json()
                assert (await program.get("/model/v1/generation/tasks")).status_code == 200
                assert (await browser.delete(f"/api/v1/keys/{key['id']}", headers=token)).status_code == 200
                assert (await program.get("/model/v1/generation/tasks")).status_code == 401
                program.headers["Authorization"] = f"Key {new['secret']}"
                assert (await program.get("/model/v1/generation/tasks")).status_code == 200
            await _invite(browser, transport, token)
            wrong = {"email": "anna@example.org", "password": "not the password"}
            assert (await browser.post("/api/v1/session", json=wrong)).status_code == 401
            assert (await browser.delete("/api/v1/sessions", headers=token)).status_code == 204
            assert (await browser.get("/api/v1/session")).status_code == 401
            again = (await browser.post("/api/v1/session", json=wrong | {"password": PASSWORD})).json()
            assert again["user"] == owner["user"]
            await _check_log(browser)


async def _become_owner(app, browser):
    code = app.state.ports.accounts.members.welcome_code()
    who = {"code": code, "name": "Anna", "email": "anna@example.org", "password": PASSWORD}
    owner = (await browser.post("/api/v1/invitations/accept", json=who)).json()
    assert (owner["role"], owner["operator"]) == ("owner", True)
    return owner


async def _invite(browser, transport, token):
    made = (await browser.post("/api/v1/invitations", json={"email": "berta@example.org"}, headers=token)).json()
    code = made["url"].partition("code=")[2]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as guest:
        who = {"code": code, "name": "Berta", "password": PASSWORD}
        member = (await guest.post("/api/v1/invitations/accept", json=who)).json()
        assert member["role"] == "member"
        assert (await guest.get("/api/v1/audit")).status_code == 403
        gone = await browser.delete(f"/api/v1/members/{member['user']['id']}", headers=token)
        assert gone.status_code == 204
        assert (await guest.get("/api/v1/session")).status_code == 401


async def _check_log(browser):
    events = (await browser.get("/api/v1/audit?limit=100")).json()["events"]
    assert [event["action"] for event in events][::-1] == [
        "member.joined",
        "session.opened",
        "key.created",
        "key.rotated",
        "key.revoked",
        "key.refused",
        "invitation.created",
        "member.joined",
        "session.opened",
        "member.removed",
        "session.refused",
        "session.ended_everywhere",
        "session.opened",
    ]
    assert all(event["request_id"] for event in events if event["action"] != "key.refused")
