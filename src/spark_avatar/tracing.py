"""Traces after OpenTelemetry: what a request and its task took, step by step, across the processes that work on them.

Nothing is traced before `start_tracing` was called: then spans cost a comparison. They carry ids, names of models, engines and
stages, codes and seconds; no addresses of inputs, no messages and no media.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from spark_avatar.errors import LibraryMissing, SparkAvatarError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

Fact = str | int | float | bool
_SERVICE = "spark-avatar"
_tracer: Tracer | None = None


class Step(Protocol):
    """A span that is under way."""

    def update_name(self, name: str) -> None:
        """Calls it otherwise."""

    def set_attribute(self, key: str, value: Fact) -> None:
        """Notes a fact."""


class _Untraced:
    def update_name(self, name: str) -> None:
        pass

    def set_attribute(self, key: str, value: Fact) -> None:
        pass


def start_tracing() -> None:
    """Sends the spans of this process to the collector that the standard `OTEL_*` variables name, as OTLP in JSON over HTTP.

    Raises `LibraryMissing` where the extra is not installed.
    """
    global _tracer
    try:
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise LibraryMissing("Traces need their libraries") from missing
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer(_SERVICE)


@contextmanager
def span(name: str, *, parent: Mapping[str, str] | None = None, served: bool = False, **facts: Fact) -> Iterator[Step]:
    """A step, below the one that is under way in this context, or below `parent`, a carrier of W3C trace context. An exception
    marks it as failed, with the exception's code.
    """
    if _tracer is None:
        yield _Untraced()
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind, StatusCode

    with _tracer.start_as_current_span(
        name,
        context=None if parent is None else extract(parent),
        kind=SpanKind.SERVER if served else SpanKind.INTERNAL,
        attributes={key.replace("__", "."): value for key, value in facts.items()},
        record_exception=False,  # its text and its trace may name addresses and paths
        set_status_on_exception=False,
    ) as step:
        try:
            yield step
        except BaseException as error:
            step.set_status(StatusCode.ERROR)
            step.set_attribute("error.type", error.code if isinstance(error, SparkAvatarError) else type(error).__name__)
            raise


def carrier() -> dict[str, str]:
    """The step that is under way, as W3C trace context; empty where there is none."""
    if _tracer is None:
        return {}
    from opentelemetry.propagate import inject

    found: dict[str, str] = {}
    inject(found)
    return found


def failed(code: str) -> None:
    """Marks the step that is under way as failed, where the exception was dealt with inside of it."""
    if _tracer is not None:
        from opentelemetry.trace import StatusCode, get_current_span

        step = get_current_span()
        step.set_status(StatusCode.ERROR)
        step.set_attribute("error.type", code)


class Stages:
    """Steps of one kind of work that follow each other: each ends where the next begins. Of one thread."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._name = ""
        self._open: Span | None = None

    def enter(self, name: str) -> None:
        """The stage that begins now, unless it is under way already."""
        if _tracer is None or name == self._name:
            return
        self.end()
        self._name, self._open = name, _tracer.start_span(f"{self._prefix} {name}")

    def end(self) -> None:
        """The last one is over."""
        if self._open is not None:
            self._open.end()
        self._name, self._open = "", None


def past(name: str, *, seconds: float, **facts: Fact) -> None:
    """A step that ended just now and took so long."""
    if _tracer is not None:
        now = time.time_ns()
        _tracer.start_span(name, start_time=now - round(seconds * 1e9), attributes=facts).end(now)
