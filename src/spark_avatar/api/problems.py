"""Error bodies, and the one table that says which exception is which HTTP status."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spark_avatar import errors
from spark_avatar.api.rate_limits import refusal_headers
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.schemas.problem import ErrorBody, ErrorDetail, ProblemBody
from spark_avatar.service.room import is_disk_full
from spark_avatar.telemetry import Seldom

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = 10
"""`Retry-After` of answers that say "not now"."""

STATUS_OF: dict[type[errors.SparkAvatarError], int] = {
    errors.InputError: 400,
    errors.NotAuthenticated: 401,
    errors.InsufficientBalance: 402,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.TaskNotFound: 404,
    errors.ObjectNotFound: 404,
    errors.UserCodeUnknown: 404,
    errors.Canceled: 409,
    errors.Conflict: 409,
    errors.IdempotencyConflict: 409,
    errors.TooSlow: 408,
    errors.TooLarge: 413,
    errors.ImageTooManyBytes: 413,
    errors.ImageTooManyPixels: 413,
    errors.AudioTooLong: 413,
    errors.WrongMediaType: 415,
    errors.RateLimited: 429,
    errors.QueueFull: 503,
    errors.TaskCreationError: 503,
    errors.StorageUnavailable: 503,
    errors.DatabaseUnavailable: 503,
    errors.ProviderFailed: 502,
    errors.SyncTimeout: 504,
    errors.SparkAvatarError: 500,
}
"""A class stands for its subclasses too, unless they have an entry of their own."""

_log = structlog.stdlib.get_logger(__name__)
_INTERNAL = "The server failed to answer. The request id helps its operator to find out why."


def status_of(error: errors.SparkAvatarError) -> int:
    """The HTTP status of an error."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def error_body(code: str, message: str, request_id: str) -> ErrorBody:
    """The body of every error."""
    return ErrorBody(message=message, error=ErrorDetail(code=code, message=message, error_message=message), request_id=request_id)


def problem_response(
    status: int,
    code: str,
    message: str,
    *,
    request_id: str,
    accept: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as the caller asked for it: the contract's body, or problem details where `accept` names them."""
    if PROBLEM_JSON in accept.lower():
        title = HTTPStatus(status).phrase
        problem = ProblemBody(title=title, status=status, detail=message, code=code, request_id=request_id)
        return Response(problem.model_dump_json(), status, headers, PROBLEM_JSON)
    return Response(error_body(code, message, request_id).model_dump_json(), status, headers, "application/json")


def internal_error(request_id: str, accept: str = "") -> Response:
    """The answer to a fault of our own: it says nothing of the inside."""
    return problem_response(500, "internal_error", _INTERNAL, request_id=request_id, accept=accept)


def not_started(request_id: str, accept: str = "") -> Response:
    """The answer of a server that waits for its database."""
    error = errors.DatabaseUnavailable("The server is starting and waits for its database: try again later.")
    status = status_of(error)
    headers = _headers(status, error)
    return problem_response(status, error.code, error.message, request_id=request_id, accept=accept, headers=headers)


def answer_error(request: Request, error: errors.SparkAvatarError) -> Response:
    """The response to an error that the project raised on purpose. What only the operator can mend is for the log."""
    if isinstance(error, errors.StorageMisconfigured):
        _log.error("the storage cannot be used", fault=error.message)
        error = errors.StorageUnavailable()
    status = status_of(error)
    accept = request.headers.get("accept", "")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request failed", fault=error.message, exc_info=error)
        return internal_error(request_id_of(request), accept)
    return problem_response(
        status, error.code, error.message, request_id=request_id_of(request), accept=accept, headers=_headers(status, error)
    )


def answer_http(request: Request, error: HTTPException) -> Response:
    """The response to an error that the framework raised."""
    status = HTTPStatus(error.status_code)
    message = error.detail if error.detail != status.phrase else _explain(status, request)
    return problem_response(
        status,
        status.name.lower(),
        message,
        request_id=request_id_of(request),
        accept=request.headers.get("accept", ""),
        headers=error.headers,
    )


def _headers(status: int, error: errors.SparkAvatarError) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        return {"Retry-After": str(RETRY_SECONDS)} | refusal_headers(error)
    return {}


def install_handlers(app: FastAPI) -> None:
    """Makes every error of the app answer in the contract's form."""
    no_room = Seldom()

    @app.exception_handler(errors.SparkAvatarError)
    async def answer_own(request: Request, error: errors.SparkAvatarError) -> Response:
        return answer_error(request, error)

    @app.exception_handler(OSError)
    async def answer_full_disk(request: Request, error: OSError) -> Response:
        """What a request brings is written to the disk before it is looked at, by several libraries and in several places."""
        if not is_disk_full(error):
            raise error
        if no_room.due():
            _log.error("the disk is full: no files are taken")
        return answer_error(request, errors.StorageUnavailable("The server has no room for files now: try again later."))

    @app.exception_handler(HTTPException)
    async def answer_framework(request: Request, error: HTTPException) -> Response:
        return answer_http(request, error)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        faults = "; ".join(f"`{'.'.join(map(str, fault['loc'][1:]))}`: {fault['msg']}" for fault in error.errors())
        return answer_error(request, errors.MalformedRequest(f"The request cannot be used. {faults}."))


def _explain(status: HTTPStatus, request: Request) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "There is nothing at this address."
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"This address does not answer {request.method}."
    return status.description or status.phrase
