"""The caller's balance, ledger and usage."""

import csv
import io
from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.ledger.entries import EntryMark, LedgerEntry
from spark_avatar.accounts.ledger.usage import UsageGroup, UsageSum
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.cursors import read_cursor, write_cursor
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.openapi import needs
from spark_avatar.errors import InvalidOptions
from spark_avatar.schemas.billing import BalanceView, EntryList, EntryView, UsageReport, UsageRow
from spark_avatar.schemas.models import Envelope
from spark_avatar.service.billing import Usage
from spark_avatar.service.prices import CURRENCY, plain

_LONGEST_PAGE: Final = 100
_COLUMNS: Final = ("day", "key_id", "key_name", "model", "tasks", "seconds", "compute_units", "cost")
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]

routes = APIRouter(prefix="/api/v1", tags=["billing"])


@routes.get("/user/balance", responses={200: {"model": Envelope[BalanceView]}}, openapi_extra=needs(Scope.READ))
def balance(request: Request, ports: PortsOf) -> Response:
    """How the account stands."""
    caller = authenticate(request, ports)
    stands = ports.billing.balance(caller=caller)
    view = BalanceView(
        user_id=caller.user_id or caller.account_id,
        balance=plain(stands.balance),
        total_recharged=plain(stands.recharged),
        currency=CURRENCY,
        billing_mode=ports.billing.mode.value,
        credit_limit=plain(stands.credit_limit),
        arrears=plain(stands.arrears),
        held=plain(stands.held),
        available_balance=plain(stands.spendable),
    )
    return _answer(Envelope(data=view))


@routes.get("/ledger", responses={200: {"model": Envelope[EntryList]}}, openapi_extra=needs(Scope.READ))
def ledger(
    request: Request, ports: PortsOf, limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 20, after: str = ""
) -> Response:
    """Every movement of the account's money, newest first. `next` of the answer is the `after` of the next call."""
    caller = authenticate(request, ports)
    mark = EntryMark(*read_cursor(after)) if after else None
    page = ports.billing.entries(caller=caller, limit=limit, after=mark)
    following = None if page.next_mark is None else write_cursor(page.next_mark.created_at, page.next_mark.entry_id)
    entries = tuple(_entry(entry) for entry in page.entries)
    answer = Envelope(data=EntryList(entries=entries, has_more=following is not None, next=following))
    # Entries have all their members: those that no task made have `task_id` and `key_id` null.
    hidden = {"data": {"next"}} if following is None else None
    return Response(answer.model_dump_json(exclude=hidden), media_type="application/json")


@routes.get(
    "/usage",
    responses={200: {"model": Envelope[UsageReport], "content": {"text/csv": {"schema": {"type": "string"}}}}},
    openapi_extra=needs(Scope.READ),
)
def usage(
    request: Request,
    ports: PortsOf,
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
    group: Annotated[str, Query(max_length=64)] = "day",
    kind: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """What the completed tasks of the account used and cost, by `day`, `key` or `model`, or several of them with commas. The
    days `from` and `to` (UTC) are included; by default the last 30.
    """
    caller = authenticate(request, ports)
    groups = _groups(group)
    found = ports.billing.usage(caller=caller, groups=groups, first=first, last=last)
    rows = tuple(_row(row) for row in found.rows)
    if kind == "csv":
        return _csv(rows, groups, found)
    report = UsageReport(
        first_day=found.first.isoformat(),
        last_day=found.last.isoformat(),
        currency=CURRENCY,
        group=tuple(group.value for group in groups),
        rows=rows,
        total=_row(found.total),
    )
    return _answer(Envelope(data=report))


def _groups(words: str) -> tuple[UsageGroup, ...]:
    named = {word.strip() for word in words.split(",") if word.strip()}
    known = tuple(group for group in UsageGroup if group.value in named)
    if len(known) != len(named):
        raise InvalidOptions("`group` may name day, key and model, with commas between.", facts={"option": "group"})
    return known


def _entry(entry: LedgerEntry) -> EntryView:
    return EntryView(
        id=entry.id,
        kind=entry.kind.value,
        created_at=int(entry.created_at.timestamp()),
        amount=plain(entry.amount),
        held=plain(entry.held),
        available=plain(entry.available),
        task_id=entry.task_id,
        key_id=entry.key_id,
        note=entry.note,
    )


def _row(row: UsageSum) -> UsageRow:
    return UsageRow(
        day=None if row.day is None else row.day.isoformat(),
        key_id=row.key_id,
        key_name=row.key_name,
        model=row.model,
        tasks=row.tasks,
        seconds=round(row.seconds, 3),
        compute_units=row.compute_units,
        cost=plain(row.cost),
    )


def _csv(rows: tuple[UsageRow, ...], groups: tuple[UsageGroup, ...], found: Usage) -> Response:
    """RFC 4180, with the columns that the sums are made for."""
    hidden = {
        name
        for group, names in ((UsageGroup.DAY, ("day",)), (UsageGroup.KEY, ("key_id", "key_name")), (UsageGroup.MODEL, ("model",)))
        for name in names
        if group not in groups
    }
    columns = [name for name in _COLUMNS if name not in hidden]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    for row in rows:
        table.writerow([_cell(getattr(row, name)) for name in columns])
    name = f"usage-{found.first}-{found.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    """A key's name must not become a formula in somebody's spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) else value


def _answer(body: BaseModel) -> Response:
    return Response(body.model_dump_json(exclude_none=True), media_type="application/json")
