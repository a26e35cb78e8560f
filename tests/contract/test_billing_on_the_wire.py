"""Balance, ledger, usage and refusals through HTTP."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from contract_house import House, Worker, call
from strict_client import StrictClient, decode_error

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.accounts.ledger.sql_ledger import SqlLedger
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import api_keys
from spark_avatar.service.admission import Admission
from spark_avatar.service.clock import utc_now
from spark_avatar.service.generation import GenerationService
from spark_avatar.tasks.sql.store import SqlTaskStore

MODEL = "spark_avatar_picture_omni_v2"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
HELD = Decimal("0.1057")
"""For 15.1 s at 0.007: the usual length, and a frame."""


def data(answer: httpx.Response) -> dict:
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == {"code": 200, "message": "ok"}
    return answer.json()["data"]


def account_of(http: httpx.Client) -> str:
    return data(http.get("/api/v1/user/balance"))["user_id"]


@pytest.fixture
def ledger(house: House) -> SqlLedger:
    return SqlLedger(house.store._engine, clock=utc_now)


def test_a_new_account_has_nothing_and_owes_nothing(http: httpx.Client):
    balance = data(http.get("/api/v1/user/balance"))
    assert balance.pop("user_id")
    assert balance.pop("currency") == "USD"
    assert balance.pop("billing_mode") == "postpaid"
    assert set(balance) == {"balance", "total_recharged", "credit_limit", "arrears", "held", "available_balance"}
    assert set(balance.values()) == {"0.0000"}


def test_a_task_moves_money_as_its_usage_says(client: StrictClient, http: httpx.Client, worker: Worker, ledger: SqlLedger):
    ledger.recharge(account_of(http), Decimal("2.5"), note="invoice 1")
    task_id = client.create(FLAT)["id"]
    waiting = data(http.get("/api/v1/user/balance"))
    assert (waiting["balance"], waiting["held"]) == ("2.5000", f"{HELD:f}")
    assert waiting["available_balance"] == f"{Decimal('2.5') - HELD:f}"
    worker.complete(*worker.start(task_id))
    usage = client.poll(task_id)["usage"]
    after = data(http.get("/api/v1/user/balance"))
    assert (after["balance"], after["held"], after["total_recharged"]) == ("2.4580", "0.0000", "2.5000")
    assert Decimal(after["balance"]) == Decimal("2.5") - Decimal(usage["cost"])
    entries = data(http.get("/api/v1/ledger"))["entries"]
    assert [entry["kind"] for entry in entries] == ["capture", "hold", "recharge"]
    assert [entry["amount"] for entry in entries] == ["-0.0420", "0.0000", "2.5000"]
    assert (entries[0]["task_id"], entries[2]["note"]) == (task_id, "invoice 1")
    assert entries[0].keys() == entries[2].keys()
    assert (entries[2]["task_id"], entries[2]["key_id"]) == (None, None), "no task made it"


def test_the_ledger_comes_in_pages(http: httpx.Client, ledger: SqlLedger):
    for number in range(5):
        ledger.recharge(account_of(http), Decimal(number + 1))
    seen, after = [], ""
    while True:
        page = data(http.get("/api/v1/ledger", params={"limit": 2, "after": after}))
        seen += [entry["amount"] for entry in page["entries"]]
        assert page["has_more"] is ("next" in page)
        if not page["has_more"]:
            break
        after = page["next"]
    assert seen == ["5.0000", "4.0000", "3.0000", "2.0000", "1.0000"]
    for wrong in ("x", "!!", "MTIz"):
        assert http.get("/api/v1/ledger", params={"after": wrong}).status_code == 400


def used(client: StrictClient, worker: Worker, times: int) -> None:
    for _ in range(times):
        worker.complete(*worker.start(client.create(FLAT)["id"]))


def test_usage_is_told_as_json(client: StrictClient, http: httpx.Client, worker: Worker):
    used(client, worker, 3)
    report = data(http.get("/api/v1/usage", params={"group": "day,key,model"}))
    (row,) = report["rows"]
    assert row.pop("day") == report["last_day"] == datetime.now(UTC).date().isoformat()
    assert row.pop("key_id")
    expected = {"tasks": 3, "seconds": 17.88, "compute_units": 111, "cost": "0.1260"}
    assert row == {"key_name": "test", "model": MODEL, **expected}
    assert report["total"] == expected
    assert report["group"] == ["day", "key", "model"]
    by_day = data(http.get("/api/v1/usage"))["rows"]
    assert [set(row) for row in by_day] == [{"day", *expected}]
    nothing = data(http.get("/api/v1/usage", params={"from": "2020-01-01", "to": "2020-01-31"}))
    assert (nothing["rows"], nothing["total"]["cost"]) == ([], "0.0000")


def test_usage_is_told_as_csv_that_a_spreadsheet_opens_safely(house: House, server: str, worker: Worker):
    _, key = house.keys.create('=HYPERLINK("https://evil")', account="csv")
    with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {key}"}) as http:
        used(StrictClient(http), worker, 2)
        answer = http.get("/api/v1/usage", params={"group": "key", "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert list(row) == ["key_id", "key_name", "tasks", "seconds", "compute_units", "cost"]
    assert (row["key_name"], row["tasks"], row["cost"]) == ('\'=HYPERLINK("https://evil")', "2", "0.0840")


def test_another_accounts_usage_and_ledger_are_its_own(
    client: StrictClient, http: httpx.Client, house: House, server: str, worker: Worker
):
    used(client, worker, 1)
    _, key = house.keys.create("other", account="looks-elsewhere")
    with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {key}"}) as other:
        assert data(other.get("/api/v1/usage"))["rows"] == []
        assert data(other.get("/api/v1/ledger"))["entries"] == []
    assert data(http.get("/api/v1/usage"))["total"]["tasks"] == 1


@pytest.mark.parametrize(
    "params",
    [
        {"group": "hour"},
        {"format": "xml"},
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"from": "2020-01-01", "to": "2026-02-01"},
    ],
)
def test_a_question_about_usage_that_makes_no_sense_is_a_400(params, http: httpx.Client):
    assert http.get("/api/v1/usage", params=params).status_code == 400


def test_precharge_says_what_is_charged_at_least_and_at_most(client: StrictClient, http: httpx.Client, worker: Worker):
    unknown = http.post("/model/v1/generation/precharge", json=FLAT).json()
    assert unknown["status"] == "success"
    quote = unknown["data"]
    assert (quote["cost"], quote["seconds"], quote["seconds_known"]) == ("0.1050", 15.0, False)
    assert (quote["currency"], quote["discount"], quote["unit_price"]) == ("USD", 1.0, "0.0070")
    known = http.post("/model/v1/generation/precharge", params={"seconds": 5.96}, json=FLAT).json()["data"]
    assert (known["cost"], known["lowest_cost"], known["highest_cost"]) == ("0.0417", "0.0410", "0.0424")
    task_id = client.create(FLAT)["id"]
    worker.complete(*worker.start(task_id))
    charged = Decimal(client.poll(task_id)["usage"]["cost"])
    assert Decimal(known["lowest_cost"]) <= charged <= Decimal(known["highest_cost"])
    assert Decimal(quote["lowest_cost"]) <= charged <= Decimal(quote["highest_cost"])
    for wrong in ("0", "-1", "nan", "inf", "x"):
        assert http.post("/model/v1/generation/precharge", params={"seconds": wrong}, json=FLAT).status_code == 400


def prepaid(house: House) -> GenerationService:
    """The same house, run by somebody who wants the money first."""
    engine = house.store._engine
    store = SqlTaskStore(engine, SqlBookkeeper(BillingMode.PREPAID))
    parts = vars(house.ports.generation)
    return GenerationService(
        store,
        parts["_dispatcher"],
        parts["_catalog"],
        inputs=parts["_inputs"],
        prices=parts["_prices"],
        limits=parts["_limits"],
        admission=Admission(store),
    )


def test_who_has_no_balance_gets_a_402_and_leaves_nothing(house: House, ledger: SqlLedger):
    app = house.app(generation=prepaid(house))
    _, key = house.keys.create("poor", account="poor")
    picture = {**FLAT, "image_url": "data:image/png;base64,aGVsbG8="}
    refused = call(app, "POST", "/model/v1/generation", key, json=picture)
    assert refused.status_code == 402
    assert decode_error(refused)["code"] == "insufficient_balance"
    assert "0.1057" in refused.json()["message"]
    assert house.store.recent("poor", limit=9) == []
    assert house.worker.storage.list("inputs/poor") == []
    ledger.recharge("poor", HELD)
    assert call(app, "POST", "/model/v1/generation", key, json=FLAT).status_code == 200
    assert call(app, "POST", f"/model/v1/queue/{MODEL}", key, json=picture).status_code == 402


def test_a_cancelled_task_gives_the_balance_back(house: House, ledger: SqlLedger):
    app = house.app(generation=prepaid(house))
    _, key = house.keys.create("frugal", account="frugal")
    ledger.recharge("frugal", HELD)
    task_id = call(app, "POST", "/model/v1/generation", key, json=FLAT).json()["id"]
    assert call(app, "POST", "/model/v1/generation", key, json=FLAT).status_code == 402
    assert call(app, "DELETE", f"/model/v1/generation/task/{task_id}", key).json()["status"] == "failed"
    assert call(app, "POST", "/model/v1/generation", key, json=FLAT).status_code == 200


def test_a_key_whose_budget_is_spent_gets_a_403(house: House, server: str):
    made, key = house.keys.create("bounded", account="bounded")
    _, free = house.keys.create("free", account="bounded")
    with writing(house.store._engine) as connection:
        connection.execute(api_keys.update().where(api_keys.c.id == made.id).values(monthly_budget=Decimal("0.15")))
    with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {key}"}) as http:
        assert http.post("/model/v1/generation", json=FLAT).status_code == 200
        refused = http.post("/model/v1/generation", json=FLAT)
        assert refused.status_code == 403
        assert decode_error(refused)["code"] == "budget_spent"
        assert f"{datetime.now(UTC):%Y-%m}" in refused.json()["message"]
        bearer = {"Authorization": f"Bearer {free}"}
        assert http.post("/model/v1/generation", json=FLAT, headers=bearer).status_code == 200


def test_a_day_that_is_named_is_included(client: StrictClient, http: httpx.Client, worker: Worker):
    used(client, worker, 1)
    today = datetime.now(UTC).date()
    for first, last, tasks in ((today, today, 1), (today - timedelta(days=2), today - timedelta(days=1), 0)):
        total = data(http.get("/api/v1/usage", params={"from": str(first), "to": str(last)}))["total"]
        assert total["tasks"] == tasks
