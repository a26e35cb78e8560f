"""What callers may do: the scopes of keys, and the roles of users, which come down to scopes."""

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """One kind of permission; none contains another."""

    GENERATE = "generate"
    """Create, cancel and delete tasks; upload."""
    READ = "read"
    """Look at tasks, results, usage and the balance."""
    ADMIN = "admin"
    """Manage the workspace: keys, members, webhooks, the audit log."""


USUAL_SCOPES: Final = frozenset({Scope.GENERATE, Scope.READ})
"""Of a key that names none, and of keys from before there were scopes."""


class Role(StrEnum):
    """What a user is in a workspace."""

    OWNER = "owner"
    """Manages everything, the owners too. A workspace always has one."""
    ADMIN = "admin"
    """Manages everything but the owners."""
    MEMBER = "member"
    """Makes videos and looks at them."""

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the role may do."""
        return USUAL_SCOPES if self is Role.MEMBER else frozenset(Scope)
