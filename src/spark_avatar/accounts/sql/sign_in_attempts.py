"""Attempts to sign in, in a SQL database, so that they count on all servers together."""

import math
from typing import Final

from sqlalchemy import Engine, delete, select, update

from spark_avatar.accounts.sign_in_attempts import MEMORY, OF_USER, Subject
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import login_failures
from spark_avatar.errors import RateLimited

_failure = login_failures.c
_RETRY: Final = "reset_seconds"
"""The fact that becomes `Retry-After`."""


class SqlSignInAttempts:
    """`SignInAttempts` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, *subjects: Subject) -> None:
        """Counts an attempt before its password is looked at, so that many at once get no further than one after another.
        Raises `RateLimited` where one of the subjects must wait; then nothing is counted.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            for subject in sorted(subjects, key=lambda subject: subject.hash):  # always in one order: no deadlock
                blank = {"subject_hash": subject.hash, "failures": 0, "last_at": now}
                connection.execute(insert_if_missing(connection, login_failures), blank)
                row = connection.execute(
                    select(login_failures).where(_failure.subject_hash == subject.hash).with_for_update()
                ).one()
                count = 0 if row.last_at < now - MEMORY else row.failures
                left = (row.last_at + subject.patience.wait(count) - now).total_seconds() if count else 0
                if left > 0:
                    seconds = math.ceil(left)
                    raise RateLimited(f"Too many attempts to sign in: try again in {seconds} s.", facts={_RETRY: seconds})
                counted = update(login_failures).where(_failure.subject_hash == subject.hash)
                connection.execute(counted.values(failures=count + 1, last_at=now))

    def succeed(self, *subjects: Subject) -> None:
        """The attempt was right: it does not count, and the user's earlier ones do not any more."""
        with writing(self._engine) as connection:
            for subject in sorted(subjects, key=lambda subject: subject.hash):
                this = _failure.subject_hash == subject.hash
                if subject.patience is OF_USER:
                    connection.execute(delete(login_failures).where(this))
                else:
                    # An address keeps its other attempts: somebody with a password of their own could wipe them out.
                    connection.execute(
                        update(login_failures).where(this, _failure.failures > 0).values(failures=_failure.failures - 1)
                    )

    def sweep(self) -> int:
        """Forgets old attempts; returns for how many subjects."""
        with writing(self._engine) as connection:
            return connection.execute(delete(login_failures).where(_failure.last_at < self._clock() - MEMORY)).rowcount
