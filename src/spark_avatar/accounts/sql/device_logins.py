"""Device logins in a SQL database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, select, update

from spark_avatar.accounts.device_login import DeviceLogin
from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import device_logins, device_proofs
from spark_avatar.errors import ProofRefused, SlowDown
from spark_avatar.schemas.identity import AccountId

_login = device_logins.c
_proof = device_proofs.c
_open = (_login.denied_at.is_(None), _login.claimed_at.is_(None))


class SqlDeviceLoginStore:
    """A `DeviceLoginStore` on SQLite or PostgreSQL, for any number of threads and servers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, login: DeviceLogin) -> bool:
        """Stores a new login; False where another one has its user code."""
        with writing(self._engine) as connection:
            added = insert_if_missing(connection, device_logins).returning(_login.user_code)
            return connection.execute(added, vars(login)).one_or_none() is not None

    def by_device_code(self, device_code_hash: str) -> DeviceLogin | None:
        """The login of this device."""
        return self._one(_login.device_code_hash == device_code_hash)

    def by_user_code(self, user_code: str) -> DeviceLogin | None:
        """The login that shows this code."""
        return self._one(_login.user_code == user_code)

    def note_proof(self, device_code_hash: str, nonce: str, *, now: datetime, interval: timedelta) -> None:
        """Remembers a proof. Raises `ProofRefused` for one that was seen before, and `SlowDown`, without remembering it, when
        the last one is younger than the interval.
        """
        proof = {"device_code_hash": device_code_hash, "nonce": nonce, "used_at": now}
        last = select(func.max(_proof.used_at)).where(_proof.device_code_hash == device_code_hash)
        with writing(self._engine) as connection:
            last_at: datetime | None = connection.execute(last).scalar_one()
            remembered = insert_if_missing(connection, device_proofs).returning(_proof.nonce)
            if connection.execute(remembered, proof).one_or_none() is None:
                raise ProofRefused("The proof was used before: sign anew, with another nonce.")
            if last_at is not None and now - last_at < interval:
                raise SlowDown  # rolls back

    def answer(self, user_code: str, *, user_id: str, account_id: AccountId, approved: bool, now: datetime) -> bool:
        """A person approves or denies; False when the login is not pending any more. Of several answers the first counts."""
        news: dict[str, Any] = {"user_id": user_id, "account_id": account_id}
        news["approved_at" if approved else "denied_at"] = now
        pending = (_login.user_code == user_code, *_open, _login.approved_at.is_(None), _login.expires_at > now)
        with writing(self._engine) as connection:
            return connection.execute(update(device_logins).where(*pending).values(news)).rowcount == 1

    def claim(self, device_code_hash: str, *, now: datetime) -> bool:
        """Takes what was approved; True for one caller only."""
        approved = (_login.device_code_hash == device_code_hash, *_open, _login.approved_at.is_not(None), _login.expires_at > now)
        with writing(self._engine) as connection:
            return connection.execute(update(device_logins).where(*approved).values(claimed_at=now)).rowcount == 1

    def forget(self, *, expired_before: datetime) -> int:
        """Removes logins that expired before the moment, and their proofs; returns how many."""
        old = select(_login.device_code_hash).where(_login.expires_at < expired_before)
        with writing(self._engine) as connection:
            connection.execute(delete(device_proofs).where(_proof.device_code_hash.in_(old)))
            return connection.execute(delete(device_logins).where(_login.expires_at < expired_before)).rowcount

    def _one(self, which: ColumnElement[bool]) -> DeviceLogin | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(device_logins).where(which)).one_or_none()
        return None if row is None else DeviceLogin(**row._mapping)
