"""Every error that the project raises on purpose.

    SparkAvatarError                 code, hint, retryable, facts
    ├── InputError                   the caller can mend it
    │   ├── ImageUrlMissing  AudioUrlMissing  ImageUrlInvalid  AudioUrlInvalid
    │   ├── ImageTooManyBytes  ImageTooManyPixels  ImageUnreadable  FaceNotFound
    │   ├── AudioTooLong  AudioUnreadable  AudioSilent
    │   ├── InvalidOptions  ConsentMissing  UnknownModel
    │   └── MalformedRequest  TooLarge  TooSlow  WrongMediaType  IdempotencyConflict
    ├── RemoteStatusError            a host answered with a non-success status, or not at all
    ├── GenerationError              the engine failed
    ├── ResultParsingError           a remote engine's answer could not be understood
    ├── StatusCheckError             a remote engine's job could not be followed to its end
    ├── TaskCreationError            the job could not be handed over
    ├── Canceled  TimedOut
    ├── NotAuthenticated  ProviderFailed  Conflict  NotFound  TaskNotFound  ObjectNotFound
    ├── NotAllowed                   the key is good, but not for this
    │   └── BudgetSpent
    ├── InsufficientBalance
    ├── QueueFull  SyncTimeout  StorageUnavailable  DatabaseUnavailable
    ├── RateLimited                  too many requests: later they are welcome
    │   └── AccountQueueFull
    └── ConfigurationError
        └── StorageMisconfigured

`code` is stable: it stands in the API, the task record, the logs and the docs. The message says what happened, with the
measured value, and what to change; it never carries a path of the server, a key or the content of a file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Fact = str | int | float | bool | None | list[float] | list[str]


class SparkAvatarError(Exception):
    """Something went wrong."""

    code = "003016095"
    """Stable identifier: a code of the wire contract, or a word for faults outside it."""
    task_code: str | None = None
    """Code of a task that ends with this error, where `code` is a word."""
    retryable = False
    """Whether the same request may succeed later without a change."""

    def __init__(self, message: str | None = None, *, facts: Mapping[str, Fact] | None = None) -> None:
        super().__init__(message or type(self).__doc__ or self.code)
        self.facts: dict[str, Fact] = dict(facts or {})
        """What was measured, for `metadata` (JSON-serialisable)."""

    @property
    def message(self) -> str:
        """The text for the user."""
        return str(self)


class InputError(SparkAvatarError):
    """The input cannot be used."""


@contextmanager
def about(what: str) -> Iterator[None]:
    """Says in the message of an `InputError` what it is about."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"Of {what}: {error.message}", facts=error.facts) from error


class ImageUrlMissing(InputError):
    """`image_url` is missing: give the address of a portrait."""

    code = "003016001"


class AudioUrlMissing(InputError):
    """`audio_url` is missing: give the address of a recording."""

    code = "003016002"


class ImageUrlInvalid(InputError):
    """`image_url` is not an address that can be fetched."""

    code = "003016003"


class AudioUrlInvalid(InputError):
    """`audio_url` is not an address that can be fetched."""

    code = "003016004"


class ImageTooManyBytes(InputError):
    """The image file is too large."""

    code = "003016011"


class ImageTooManyPixels(InputError):
    """The image has too many pixels."""

    code = "003016012"


class ImageUnreadable(InputError):
    """The image could not be decoded."""

    code = "003016013"


class FaceNotFound(InputError):
    """No human face was found in the image."""

    code = "003016014"


class AudioTooLong(InputError):
    """The recording is too large or too long."""

    code = "003016021"


class AudioUnreadable(InputError):
    """The recording could not be decoded."""

    code = "003016022"


class AudioSilent(InputError):
    """The recording is silent."""

    code = "003016023"


class InvalidOptions(InputError):
    """An option has a value that it cannot take."""

    code = "invalid_parameter"


class ConsentMissing(InputError):
    """`consent` is missing: state in a sentence that the person shown agrees to the video; this server asks for it."""

    code = "consent_required"


class UnknownModel(InputError):
    """There is no such model."""

    code = "unknown_model"


class MalformedRequest(InputError):
    """The request does not have the expected shape."""

    code = "invalid_request"


class TooLarge(InputError):
    """The request carries more bytes than are accepted."""

    code = "payload_too_large"


class TooSlow(InputError):
    """The request came too slowly, or not to its end: send it again."""

    code = "request_timeout"


class WrongMediaType(InputError):
    """The file is neither an image nor audio nor video."""

    code = "unsupported_media_type"


class IdempotencyConflict(InputError):
    """The idempotency key was used with another request: send a new key with a new request."""

    code = "idempotency_conflict"


class RemoteStatusError(SparkAvatarError):
    """A remote host answered with a non-success status, or could not be reached."""

    code = "003016097"


class GenerationError(SparkAvatarError):
    """The video could not be generated."""

    code = "003016095"


class ResultParsingError(SparkAvatarError):
    """The engine finished, and its answer could not be understood."""

    code = "003016096"


class StatusCheckError(SparkAvatarError):
    """The state of the engine's job could not be learnt."""

    code = "003016098"


class TaskCreationError(SparkAvatarError):
    """The task could not be handed to an engine or queue."""

    code = "003016099"
    retryable = True


class Canceled(SparkAvatarError):
    """The task was cancelled."""

    code = "003016031"


class TimedOut(SparkAvatarError):
    """The task ran out of time."""

    code = "003016032"


class NotAuthenticated(SparkAvatarError):
    """The API key is missing, unknown, revoked or expired."""

    code = "unauthorized"


class ProofRefused(NotAuthenticated):
    """The proof is wrong: sign the SHA-256 of `device_code:timestamp:nonce` with the key that began the login."""

    code = "invalid_proof"


class NotAllowed(SparkAvatarError):
    """The API key may not do this."""

    code = "forbidden"


class BudgetSpent(NotAllowed):
    """The API key's budget for this month is spent."""

    code = "budget_spent"
    task_code = "003016042"


class InsufficientBalance(SparkAvatarError):
    """The account's balance does not cover this: recharge it."""

    code = "insufficient_balance"
    task_code = "003016041"


class QueueFull(SparkAvatarError):
    """Too many tasks are waiting: try again later."""

    code = "queue_full"
    retryable = True


class RateLimited(SparkAvatarError):
    """Too many requests: slow down."""

    code = "rate_limited"
    retryable = True


class AccountQueueFull(RateLimited):
    """Too many tasks of this account are waiting: try again when some have been done."""

    code = "account_queue_full"


class StorageUnavailable(SparkAvatarError):
    """The file storage does not answer, or fails: try again later."""

    code = "storage_unavailable"
    retryable = True


class DatabaseUnavailable(SparkAvatarError):
    """The database does not answer: try again later."""

    code = "database_unavailable"
    retryable = True


class SlowDown(RateLimited):
    """The login was asked for too early: wait `interval` seconds between questions."""

    code = "slow_down"


class SyncTimeout(SparkAvatarError):
    """The task is still running: poll it by its id."""

    code = "SYNC_TIMEOUT"


class ProviderFailed(SparkAvatarError):
    """The identity provider does not answer as it should."""

    code = "provider_failed"
    retryable = True


class Conflict(SparkAvatarError):
    """The request does not fit what is there."""

    code = "conflict"


class NotFound(SparkAvatarError):
    """There is nothing of this name."""

    code = "not_found"


class TaskNotFound(SparkAvatarError):
    """There is no such task."""

    code = "not_found"


class UserCodeUnknown(SparkAvatarError):
    """There is no login with this code that waits for an answer: it may have expired. Begin it anew in the terminal."""

    code = "unknown_code"


class ObjectNotFound(SparkAvatarError):
    """There is no such file."""

    code = "not_found"


class ConfigurationError(SparkAvatarError):
    """The configuration cannot be used."""

    code = "configuration"


class LibraryMissing(ConfigurationError):
    """A setting asks for libraries that are not installed; all of these come with one lock."""

    def __init__(self, need: str) -> None:
        """`need` says what needs what, without a full stop."""
        super().__init__(
            f"{need}: in the folder of Spark Avatar's sources run "
            "`.venv/bin/python -m pip install --no-deps --require-hashes -r requirements/scale.txt`."
        )


class StorageMisconfigured(ConfigurationError):
    """The storage's bucket is not there, or refuses the credentials."""
