"""The JSON documents of a task's record. Each carries a version, so that a later release can read what an earlier one
wrote.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from spark_avatar.tasks.task import TaskFailure, TaskOutput, TaskRequest, TaskUsage

VERSION: Final = 1
"""What this release writes."""

Document = dict[str, Any]


class UnknownVersion(ValueError):
    """A later release wrote this document."""


def request_document(request: TaskRequest) -> Document:
    """What was asked, as a document."""
    fields = {**asdict(request), "options": _finite(request.options)}
    for name in ("webhook_url", "label", "background_url"):
        if not fields[name]:
            del fields[name]  # as the first release wrote it, which knows no such fields
    return _document(fields)


def read_request(document: Document) -> TaskRequest:
    """The reverse of `request_document`."""
    fields = _content(document)
    return TaskRequest(**{**fields, "ignored": tuple(fields["ignored"])})


def outputs_document(outputs: Sequence[TaskOutput]) -> Document:
    """The results, as a document."""
    return _document([asdict(output) for output in outputs])


def read_outputs(document: Document) -> tuple[TaskOutput, ...]:
    """The reverse of `outputs_document`."""
    return tuple(TaskOutput(**fields) for fields in _content(document))


def usage_document(usage: TaskUsage | None) -> Document | None:
    """The cost, as a document."""
    return None if usage is None else _document(asdict(usage))


def read_usage(document: Document | None) -> TaskUsage | None:
    """The reverse of `usage_document`."""
    return None if document is None else TaskUsage(**_content(document))


def failure_document(failure: TaskFailure | None) -> Document | None:
    """Why it failed, as a document."""
    return None if failure is None else _document(asdict(failure))


def read_failure(document: Document | None) -> TaskFailure | None:
    """The reverse of `failure_document`."""
    return None if document is None else TaskFailure(**_content(document))


def metadata_document(metadata: Mapping[str, object]) -> Document:
    """Diagnostics, as a document."""
    return _document(_finite(dict(metadata)))


def read_metadata(document: Document) -> dict[str, object]:
    """The reverse of `metadata_document`, but for tuples, which are lists then, and NaN and infinity, which are None."""
    return dict(_content(document))


def _document(content: object) -> Document:
    return {"version": VERSION, "content": content}


def _content(document: Document) -> Any:
    if document["version"] != VERSION:
        raise UnknownVersion(f"document version {document['version']} is newer than this release, which knows {VERSION}")
    return document["content"]


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity; a measurement that gave one must not keep a task from ending."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
