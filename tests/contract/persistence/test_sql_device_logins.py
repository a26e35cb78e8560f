"""Device logins, on each database: answered once, claimed once, a proof taken once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from spark_avatar.accounts.device_login import LIFE, DeviceLogin
from spark_avatar.accounts.sql.device_logins import SqlDeviceLoginStore
from spark_avatar.database.engine import reading
from spark_avatar.database.schema import device_logins, device_proofs
from spark_avatar.errors import ProofRefused, SlowDown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOGIN = DeviceLogin("hash", "BCDF-GHJK", "cli", "key", "203.0.113.7", NOW, NOW + LIFE)
ANSWER = {"user_id": "anna", "account_id": "lab", "now": NOW}
PAUSE = timedelta(seconds=2)


@pytest.fixture
def logins(engine):
    return SqlDeviceLoginStore(engine)


def test_a_login_is_found_by_both_codes(logins):
    assert logins.add(LOGIN)
    assert logins.by_device_code("hash") == logins.by_user_code("BCDF-GHJK") == LOGIN
    assert logins.by_device_code("other") is None
    assert logins.by_user_code("XXXX-XXXX") is None


def test_a_user_code_belongs_to_one_login(logins):
    assert logins.add(LOGIN)
    assert not logins.add(replace(LOGIN, device_code_hash="second"))
    assert logins.by_device_code("second") is None


def test_it_is_approved_and_then_claimed_once(logins):
    logins.add(LOGIN)
    assert not logins.claim("hash", now=NOW), "nobody has approved it"
    assert logins.answer("BCDF-GHJK", approved=True, **ANSWER)
    assert logins.by_device_code("hash") == replace(LOGIN, user_id="anna", account_id="lab", approved_at=NOW)
    start = threading.Barrier(6)

    def claim(_):
        start.wait()
        return logins.claim("hash", now=NOW)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(claim, range(6))) == 1


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_the_first_answer_counts(logins, first, second):
    logins.add(LOGIN)
    assert logins.answer("BCDF-GHJK", approved=first, **ANSWER)
    assert not logins.answer("BCDF-GHJK", approved=second, **{**ANSWER, "user_id": "otto"})
    found = logins.by_device_code("hash")
    assert (found.user_id, found.approved_at is not None, found.denied_at is not None) == ("anna", first, not first)
    assert logins.claim("hash", now=NOW) is first


def test_what_has_expired_is_neither_answered_nor_claimed(logins):
    logins.add(LOGIN)
    assert not logins.answer("BCDF-GHJK", approved=True, **{**ANSWER, "now": NOW + LIFE})
    assert logins.answer("BCDF-GHJK", approved=True, **ANSWER)
    assert not logins.claim("hash", now=NOW + LIFE)


def test_a_proof_counts_once_and_not_too_soon(logins):
    logins.add(LOGIN)
    logins.note_proof("hash", "one", now=NOW, interval=PAUSE)
    with pytest.raises(ProofRefused):
        logins.note_proof("hash", "one", now=NOW, interval=PAUSE)
    with pytest.raises(SlowDown):
        logins.note_proof("hash", "two", now=NOW + PAUSE / 2, interval=PAUSE)
    logins.note_proof("other", "one", now=NOW, interval=PAUSE)
    logins.note_proof("hash", "two", now=NOW + PAUSE, interval=PAUSE)  # what came too soon was not used up
    with pytest.raises(ProofRefused):
        logins.note_proof("hash", "one", now=NOW + 9 * PAUSE, interval=PAUSE)


def test_of_copies_of_a_proof_at_once_one_counts(logins):
    logins.add(LOGIN)
    start = threading.Barrier(6)

    def show(_):
        start.wait()
        try:
            logins.note_proof("hash", "word", now=NOW, interval=timedelta(0))
        except ProofRefused:
            return 0
        return 1

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(show, range(6))) == 1


def test_old_logins_go_with_their_proofs(logins, engine):
    logins.add(LOGIN)
    logins.add(replace(LOGIN, device_code_hash="young", user_code="XXXX-XXXX", expires_at=NOW + 9 * LIFE))
    for name in ("hash", "young"):
        logins.note_proof(name, "word", now=NOW, interval=PAUSE)
    assert logins.forget(expired_before=NOW + 2 * LIFE) == 1
    with reading(engine) as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (device_logins, device_proofs)
        ]
    assert counts == [1, 1]
    assert logins.by_device_code("young") is not None
