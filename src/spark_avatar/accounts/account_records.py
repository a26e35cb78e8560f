"""Everything that the database holds of one account: to be given to its owner, or to be forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from spark_avatar.schemas.identity import AccountId


@dataclass(frozen=True)
class ErasedRecords:
    """What an erasure left."""

    pseudonym: str
    """What the entries of the ledger are kept under. Nothing leads from it to the account."""
    users: int
    """How many users went, since they belonged to no other account."""


class AccountRecords(Protocol):
    """All rows of an account, whatever they are about."""

    def exists(self, account_id: AccountId) -> bool:
        """Whether there is such an account."""
        ...

    def export(self, account_id: AccountId) -> Iterator[tuple[str, Iterator[dict[str, object]]]]:
        """Name and rows of every table, without secrets and without what only proves who somebody is (sessions, tokens). Values
        are what JSON knows; times are ISO 8601 in UTC, money is decimal text. Each table is to be read before the next one.
        """
        ...

    def lock_out(self, account_id: AccountId) -> None:
        """Nobody acts for the account any more: its keys are revoked; sessions, tokens and logins under way end."""

    def erase(self, account_id: AccountId) -> ErasedRecords:
        """Removes every row, all or nothing, but those of the ledger, which lose whatever leads to the account or to people who
        go with it: users who belong to no other account.
        """
        ...
