"""Names of things that several layers speak of."""

from typing import NewType

AccountId = NewType("AccountId", str)
"""Whose tasks, keys and files: a short word of letters, digits, `.`, `_` and `-`."""
TaskId = NewType("TaskId", str)
