"""An account with something in every table is exported and erased, on each database: nothing that leads to it stays."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import String, cast, insert, select
from task_store_contract import OUTPUT, USAGE, later, task

from spark_avatar.accounts.audit import OPERATOR
from spark_avatar.accounts.device_login import LIFE, DeviceLogin
from spark_avatar.accounts.ledger.sql_audit import SqlBooksAudit
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.accounts.ledger.sql_ledger import SqlLedger
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import SessionLife
from spark_avatar.accounts.sign_in_attempts import OF_USER, Subject
from spark_avatar.accounts.sql.account_records import OF_ACCOUNTS, SqlAccountRecords
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.accounts.sql.device_logins import SqlDeviceLoginStore
from spark_avatar.accounts.sql.invitations import SqlInvitationStore
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.accounts.sql.sessions import SqlSessionStore
from spark_avatar.accounts.sql.sign_in_attempts import SqlSignInAttempts
from spark_avatar.accounts.sql.tokens import SqlTokenStore
from spark_avatar.accounts.sql.users import SqlUserStore
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import engine_notes, metadata, segments, staged_tasks, webhooks
from spark_avatar.errors import NotAuthenticated, NotFound
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.storage.keys import input_key, output_key, upload_key
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.storage import ObjectKey
from spark_avatar.tasks.deliveries import EVENTS, Attempt
from spark_avatar.tasks.endpoints import Endpoint, EndpointTerms
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.store import SubmissionKey
from spark_avatar.tasks.task import AccountId, TaskId, TaskRequest

ACME = AccountId("acme-films")
BESIDE = AccountId("acme-films-2")
OF_THE_SERVER = {"chores", "drained_servers", "stage_totals", "workers"}
"""Tables that hold nothing of accounts."""


class World:
    """Two accounts; Ada belongs to the first one, Bob to both."""

    def __init__(self, engine, folder):
        self.engine, self.books = engine, SqlBookkeeper()
        self.store, self.keys = SqlTaskStore(engine, self.books), SqlKeyStore(engine)
        self.storage, self.audit, self.ledger = (
            ObjectStorage(str(folder)),
            SqlAuditLog(engine),
            SqlLedger(engine, clock=lambda: later(0)),
        )
        self.users, self.sessions, self.tokens = (
            SqlUserStore(engine),
            SqlSessionStore(engine, SessionLife()),
            SqlTokenStore(engine),
        )
        service = TaskService(self.store, TaskFiles(self.storage))
        self.data = AccountData(SqlAccountRecords(engine), service, self.storage, self.audit)
        self.traces = [ACME + "|", "ada@example.org", "guest@example.org", "203.0.113.9"]
        self.ada = self.users.add("ada@example.org", "Ada L.", "hash", account=ACME, role=Role.OWNER).user.id
        self.bob = self.users.add("bob@example.org", "Bob", "hash", account=BESIDE, role=Role.OWNER).user.id
        self.traces.append(self.ada)

    def fill(self):
        """A row in every table that belongs to accounts."""
        self.ledger.recharge(ACME, Decimal("10"), note="Invoice of Ada L.", reference="2026-1")
        key, self.secret = self.keys.create("studio of Ada", account=ACME, created_by=f"user:{self.ada}")
        self.traces += [key.id, key.prefix, "studio of Ada", "Invoice of Ada"]
        _, self.cookie = self.sessions.open(self.ada, ACME, address="203.0.113.9", user_agent="Ada's browser")
        self.pair = self.tokens.issue(user_id=self.ada, account_id=ACME)
        logins = SqlDeviceLoginStore(self.engine)
        logins.add(DeviceLogin("hash", "BCDF-GHJK", "cli", "key", "203.0.113.9", later(0), later(0) + LIFE))
        logins.answer("BCDF-GHJK", user_id=self.ada, account_id=ACME, approved=True, now=later(0))
        logins.note_proof("hash", "word", now=later(0), interval=timedelta(0))
        soon = later(10**9)
        SqlInvitationStore(self.engine).create(
            ACME, "guest@example.org", Role.MEMBER, invited_by=f"user:{self.ada}", expires_at=soon
        )
        SqlSignInAttempts(self.engine).begin(Subject("user", "ada@example.org", OF_USER))
        self.audit.record("key.created", actor=replace(OPERATOR, address="203.0.113.9"), account=ACME, subject=f"key:{key.id}")
        self.audit.record("session.refused", actor=OPERATOR, subject=f"user:{self.ada}")
        endpoint = Endpoint("ep_1", ACME, EndpointTerms("https://ada.example.org/hook", EVENTS, ""), later(0))
        SqlEndpointStore(self.engine).add(endpoint, most=9)
        self.traces += ["ada.example.org", "ep_1"]
        self.done, self.waits, self.runs = (self.add_task(name, key.id) for name in ("done", "waits", "runs"))
        first = self.store.claim_next("w", now=later(9), lease_until=later(99))
        path = output_key(ACME, first.id, 1)
        self.storage.put(path, b"a video")
        self.store.complete(
            first.id,
            first.claim,
            outputs=[replace(OUTPUT, key=path)],
            usage=replace(USAGE, cost="0.5"),
            metadata={},
            now=later(60),
        )
        deliveries = SqlDeliveryStore(self.engine)
        (due, *_) = deliveries.due(later(99), limit=9, of_account=9)
        deliveries.settle(due, Attempt(1, later(99), 500, "answered 500", 3), delivered_at=None, next_at=None)
        held = self.store.claim_next("w", now=later(9), lease_until=later(99))
        self.storage.put(upload_key(ACME, "photo-of-ada", ".jpg"), b"a photo")
        self.storage.put(input_key(ACME, held.id, "image"), b"another photo")
        with writing(self.engine) as connection:
            connection.execute(insert(engine_notes), {"task_id": held.id, "engine": "far", "note": {"job": "job-of-ada"}})
            old = {"task_id": held.id, "account_id": ACME, "url": "https://ada.example.org/old", "created_at": later(0)}
            connection.execute(insert(webhooks), {**old, "attempts": 0})
            part = {"task_id": held.id, "number": 1, "account_id": ACME, "engine": "e", "plan_attempt": 1, "first_frame": 0}
            part |= {"end_frame": 9, "created_at": later(0), "status": "queued", "attempts": 0, "progress": 0, "compute_units": 0}
            connection.execute(insert(segments), part)
            connection.execute(insert(staged_tasks).values(task_id="in the making", account_id=ACME, abandoned=True))
        self.storage.put(ObjectKey(f"work/{ACME}/{held.id}/1.mp4"), b"a part of a video")

    def add_task(self, name, key_id, account=ACME):
        request = TaskRequest("m", f"https://ada.example.org/{name}.jpg", "https://ada.example.org/a.wav")
        made = task(f"task-{name}-of-{account}", account=account, key_id=key_id, request=request)
        word = SubmissionKey(f"word-{name}", "print", later(-1))
        self.store.add_once(made, word, hold=Decimal("1"))
        self.traces.append(made.id)
        return made.id

    def neighbour(self):
        """The second account: Bob's, with money of its own."""
        self.ledger.recharge(BESIDE, Decimal("5"), note="", reference="2026-2")
        _, self.other_secret = self.keys.create("other", account=BESIDE)
        self.storage.put(upload_key(BESIDE, "photo", ".jpg"), b"of the neighbour")
        with writing(self.engine) as connection:
            row = {"account_id": ACME, "user_id": self.bob, "role": "member", "created_at": later(0)}
            connection.execute(insert(metadata.tables["memberships"]), row)

    def text(self):
        """The whole database as text, an account's id closed by a bar so that `acme` is not found in `acme-2`."""
        with reading(self.engine) as connection:
            rows = [
                f"{table.name} {value}|"
                for table in metadata.sorted_tables
                for row in connection.execute(select(*(cast(column, String) for column in table.c)))
                for value in row
            ]
        return "\n".join(rows)


@pytest.fixture
def world(engine, tmp_path):
    return World(engine, tmp_path / "files")


def rows_of(archive, table):
    return [json.loads(line) for line in archive.read(f"records/{table}.jsonl").splitlines()]


def test_every_table_is_known_to_belong_to_accounts_or_not():
    names = {table.name for table in OF_ACCOUNTS}
    assert not names & OF_THE_SERVER
    assert set(metadata.tables) - names - OF_THE_SERVER == set(), (
        "does it hold something of accounts? then they export and erase it"
    )


def test_the_test_account_has_a_row_in_every_table(world):
    world.fill()
    text = world.text()
    assert [table.name for table in OF_ACCOUNTS if f"{table.name} " not in text] == []
    assert [trace for trace in world.traces if trace not in text] == []


def test_an_erased_account_leaves_no_trace(world, engine):
    world.fill()
    world.neighbour()
    erasure = world.data.erase(ACME, actor=OPERATOR)
    assert (erasure.tasks, erasure.users) == (3, 1)
    text = world.text()
    assert [(trace, text[max(0, text.index(trace) - 60) :][:120]) for trace in world.traces if trace in text] == []
    assert world.storage.list(f"uploads/{ACME}/") == world.storage.list(f"outputs/{ACME}/") == []
    assert [stored.key for stored in world.storage.list("")] == [f"uploads/{BESIDE}/photo.jpg"]


def test_the_books_stay_in_order_under_another_name(world, engine):
    world.fill()
    world.neighbour()
    world.data.erase(ACME, actor=OPERATOR)
    assert SqlBooksAudit(engine).faults() == []
    (event,) = [event for event in world.audit.page(None, limit=9) if event.action == "account.erased"]
    pseudonym = event.subject.removeprefix("account:")
    with reading(engine) as connection:
        balances = metadata.tables["balances"]
        rows = {row.account_id: row for row in connection.execute(select(balances))}
    assert rows[pseudonym].recharged == Decimal("10")
    assert (rows[pseudonym].available, rows[pseudonym].held) == (Decimal("9.5"), 0), "what was open was released"
    assert rows[BESIDE].available == Decimal("5")


def test_nobody_gets_in_any_more_and_neighbours_do(world):
    world.fill()
    world.neighbour()
    world.data.erase(ACME, actor=OPERATOR)
    for show in (
        lambda: world.keys.authenticate(world.secret),
        lambda: world.sessions.find(world.cookie),
        lambda: world.tokens.authenticate(world.pair.access_token),
        lambda: world.tokens.refresh(world.pair.refresh_token),
    ):
        with pytest.raises(NotAuthenticated):
            show()
    assert world.keys.authenticate(world.other_secret).account_id == BESIDE
    assert [member.account_id for member in world.users.workspaces(world.bob)] == [BESIDE]


def test_a_worker_that_was_at_it_stores_nothing(world):
    world.fill()
    held = world.store.get(TaskId(f"task-waits-of-{ACME}"))
    running = held if held.claim else world.store.get(TaskId(f"task-runs-of-{ACME}"))
    world.data.erase(ACME, actor=OPERATOR)
    assert not world.store.complete(running.id, running.claim, outputs=[OUTPUT], usage=USAGE, metadata={}, now=later(99))


def test_what_is_not_there_cannot_be_erased(world):
    for name in ("nobody", "nul\0", ""):
        with pytest.raises(NotFound):
            world.data.erase(AccountId(name), actor=OPERATOR)
        with pytest.raises(NotFound):
            world.data.export(AccountId(name), actor=OPERATOR)
    world.fill()
    world.data.erase(ACME, actor=OPERATOR)
    with pytest.raises(NotFound):
        world.data.erase(ACME, actor=OPERATOR)


def test_an_export_holds_everything_but_secrets(world):
    world.fill()
    world.neighbour()
    content = b"".join(world.data.export(ACME, actor=OPERATOR))
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert f"files/uploads/{ACME}/photo-of-ada.jpg" in names
    assert archive.read(f"files/outputs/{ACME}/task-done-of-{ACME}/1.mp4") == b"a video"
    assert not any(BESIDE in name for name in names)
    assert {row["id"] for row in rows_of(archive, "tasks")} == {world.done, world.waits, world.runs}
    assert {row["email"] for row in rows_of(archive, "users")} == {"ada@example.org", "bob@example.org"}
    assert {row["url"] for row in rows_of(archive, "webhook_endpoints")} == {"https://ada.example.org/hook"}
    assert [row["recharged"] for row in rows_of(archive, "balances")] == ["10.000000"]
    assert rows_of(archive, "ledger_postings")
    text = b"".join(archive.read(name) for name in names if name.startswith("records/")).decode()
    assert "secret_hash" not in text
    assert "password_hash" not in text
    assert BESIDE not in text.replace(f'"account_id": "{ACME}"', "")
    assert not {"sessions", "tokens", "device_logins", "login_failures"} & {name[8:-6] for name in names}


def test_an_export_is_made_as_it_is_read(world):
    """The first bytes come before the last file is opened: memory does not grow with the account."""
    world.fill()
    world.storage.put(upload_key(ACME, "large", ".mp4"), bytes(3_000_000))
    chunks = list(world.data.export(ACME, actor=OPERATOR))
    assert max(map(len, chunks)) < 400_000
    assert len(chunks) > 12
