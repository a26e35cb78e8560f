"""The whole path of money on a running server: recharge, quote, hold, charge, refuse, give back, audit."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import pytest

from acceptance.conftest import RATE, Server, body, finish, write_wav
from spark_avatar.media.audio import read_samples

PRICE = Decimal("0.0123")


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A prepaid server."""
    settings = {"SPARK_AVATAR_BILLING": "prepaid", "SPARK_AVATAR_PRICE_PER_SECOND": str(PRICE), "SPARK_AVATAR_HOLD_SECONDS": "3"}
    if request.param == "postgresql":
        settings["SPARK_AVATAR_DATABASE_URL"] = request.getfixturevalue("own_postgresql")
    running = Server(tmp_path / "data", **settings).start()
    yield running
    running.stop()


@pytest.fixture(scope="module", autouse=True)
def long_recording(media: Path) -> None:
    """`long.wav`: 6 s."""
    write_wav(media / "long.wav", np.tile(read_samples(media / "speech.wav", rate=RATE), 3), RATE)


def command(server: Server, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "spark_avatar", *words], env=server._environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def balance(client: httpx.Client) -> dict:
    return client.get("/api/v1/user/balance").raise_for_status().json()["data"]


@pytest.mark.slow
def test_a_prepaid_account_pays_what_it_was_told(shop: Server, host: str, media: Path) -> None:
    with shop.client(shop.key()) as client:
        order = body(f"{host}/portrait.png", f"{host}/word.wav")
        refused = client.post("/model/v1/generation", json=order)
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_balance")
        command(shop, "balance", "add", "default", "0.05", "--note", "first payment")

        quote = client.post("/model/v1/generation/precharge", params={"seconds": 1}, json=order).json()["data"]
        task = finish(client, client.post("/model/v1/generation", json=order).raise_for_status().json()["id"])
        assert task["status"] == "completed", task
        inside = "data:audio/wav;base64," + base64.b64encode((media / "word.wav").read_bytes()).decode()
        measured = client.post("/model/v1/generation/precharge", json=body(f"{host}/portrait.png", inside)).json()["data"]
        assert (measured["seconds"], measured["seconds_known"], measured["cost"]) == (1.0, True, quote["cost"])
        with (media / "long.wav").open("rb") as file:
            upload = client.post("/api/v1/storage/files", files={"file": file}).json()["url"]
        measured = client.post("/model/v1/generation/precharge", json=body(f"{host}/portrait.png", upload)).json()["data"]
        assert (measured["seconds"], measured["seconds_known"]) == (6.0, True)
        cost = Decimal(task["usage"]["cost"])
        assert cost == PRICE == Decimal(quote["cost"])
        assert Decimal(quote["lowest_cost"]) <= cost <= Decimal(quote["highest_cost"])
        now = balance(client)
        assert (Decimal(now["balance"]), now["held"], now["billing_mode"]) == (Decimal("0.05") - cost, "0.0000", "prepaid")

        # 3 s are held at first; the balance does not cover the 6 s that the recording turns out to have.
        cancelled = client.post("/model/v1/generation", json=order).status_code
        assert cancelled == 402, "3.1 s are held for, and 0.0377 is left"
        command(shop, "balance", "add", "default", "0.01")
        long = body(f"{host}/portrait.png", f"{host}/long.wav")
        failed = finish(client, client.post("/model/v1/generation", json=long).raise_for_status().json()["id"])
        assert (failed["status"], failed["error"]["code"]) == ("failed", "003016041")
        assert balance(client)["balance"] == "0.0477"

        total = client.get("/api/v1/usage", params={"group": "model"}).json()["data"]["total"]
        assert (total["tasks"], total["cost"]) == (1, "0.0123")
        kinds = [entry["kind"] for entry in client.get("/api/v1/ledger").json()["data"]["entries"]]
        assert kinds[-1] == "recharge"
        assert sorted(kinds) == sorted(["recharge", "hold", "adjustment", "capture", "recharge", "hold", "release"])
        deleted = client.delete(f"/model/v1/generation/task/{task['id']}")
        assert deleted.status_code == 204
        assert client.get("/api/v1/usage").json()["data"]["total"]["cost"] == "0.0123"
    assert command(shop, "doctor", "--audit").split() == ["ok", "books", "ok", "records", "ok", "files"]
