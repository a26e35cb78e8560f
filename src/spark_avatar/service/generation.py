"""The use cases of a caller: submit a generation, look it up, ask for its price."""

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

from spark_avatar import tracing
from spark_avatar.accounts.keys import Caller
from spark_avatar.dispatch.dispatcher import Dispatcher
from spark_avatar.errors import AccountQueueFull, NotAllowed, QueueFull, SparkAvatarError, TaskCreationError
from spark_avatar.media.limits import MediaLimits
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.service.admission import Admission
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.inputs import RequestInputs, holds_inputs
from spark_avatar.service.models import Model, ModelCatalog
from spark_avatar.service.parameters import CONSENT, CheckedRequest, check_request
from spark_avatar.service.prices import CURRENCY, Price, PriceList
from spark_avatar.tasks.store import SubmissionKey, TaskStore
from spark_avatar.tasks.task import Task, TaskId, TaskRequest

USUAL_SECONDS = 15.0
"""Length of a recording that quotes and holds assume where nothing is known: nothing is fetched for them."""
KEY_LIFE = timedelta(hours=24)
"""How long an idempotency key stands for its task."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quote:
    """What a generation would cost."""

    model: str
    price: Price
    seconds: float
    """Length of the recording that `cost` is for."""
    seconds_known: bool
    """Whether that is the recording's length, or what is assumed of one."""
    cost: Decimal
    lowest: Decimal
    """No less is charged; for a recording of any length where its length is not known."""
    highest: Decimal
    """No more is charged, likewise."""
    currency: str = CURRENCY


class GenerationService:
    """Accepts generations and answers about them. Nothing is fetched or rendered here; safe to call from several threads."""

    def __init__(
        self,
        store: TaskStore,
        dispatcher: Dispatcher,
        catalog: ModelCatalog,
        *,
        inputs: RequestInputs,
        prices: PriceList,
        limits: MediaLimits,
        admission: Admission,
        usual_seconds: float = USUAL_SECONDS,
        needs_consent: bool = False,
        length_at_hand: Callable[[str], float | None] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`length_at_hand` tells how many seconds the recording of an `audio_url` has, where that can be known without fetching
        it; by default it never can.
        """
        self._store = store
        self._dispatcher = dispatcher
        self._catalog = catalog
        self._inputs = inputs
        self._prices = prices
        self._limits = limits
        self._clock = clock
        self._admission = admission
        self._usual_seconds = usual_seconds
        self._length_at_hand = length_at_hand
        self.needs_consent = needs_consent
        """Whether a request without a statement of consent is refused."""

    def submit(
        self, request: GenerationRequest, *, caller: Caller, request_id: str = "", idempotency_key: str | None = None
    ) -> Task:
        """Stores the task durably, wakes a worker and returns. An input that stands in the request goes into storage.
        A request that repeats an idempotency key of its account, within a day, gets the task that the first one made.

        Raises `UnknownModel`, `NotAllowed` for a model that the key may not use, `ImageUrlMissing`, `AudioUrlMissing`,
        `ImageUrlInvalid`, `AudioUrlInvalid`, `InvalidOptions`, `ConsentMissing`, the errors of a `data:` URL that is empty or
        too large, `IdempotencyConflict`, `QueueFull`, `AccountQueueFull`, `InsufficientBalance`, `BudgetSpent` and
        `TaskCreationError`.
        After any of them nothing is stored.
        """
        model, checked = self._check(request)
        if not caller.may_use(model.id):
            raise NotAllowed(f"The API key may not use the model {model.id}.")
        task = self._task(model, checked, caller=caller, request_id=request_id)
        key = self._submission_key(request, idempotency_key)
        try:
            made = self._make(task, key)
        except SparkAvatarError:
            raise
        except Exception as error:
            _log.exception("task could not be stored", extra={"task_id": task.id})
            raise TaskCreationError("the task could not be stored: try again") from error
        if made.id != task.id:
            _log.info("request repeated", extra={"task_id": made.id, "account_id": caller.account_id})
            return made
        self._dispatcher.wake(model.engine)
        _log.info("task accepted", extra={"task_id": task.id, "account_id": caller.account_id, "model": model.id})
        return made

    def get(self, task_id: str, *, caller: Caller) -> Task:
        """The caller's task; raises `TaskNotFound`, also for another account's."""
        return self._store.get(TaskId(task_id), account_id=caller.account_id)

    def recent(self, *, caller: Caller, limit: int = 20) -> list[Task]:
        """The caller's tasks, newest first."""
        return self._store.recent(caller.account_id, limit=limit)

    def quote(self, request: GenerationRequest, *, seconds: float | None = None) -> Quote:
        """The price of this request for a recording of that length; by default of its own, where that is known, or of the
        usual one. Raises what `submit` raises for faulty requests.
        """
        model, checked = self._check(request)
        price = self._prices.of_model(model.id)
        if seconds is None and self._length_at_hand is not None and not price.free:
            seconds = self._length_at_hand(checked.audio_url)
        length = self._usual_seconds if seconds is None else seconds
        return Quote(
            model=model.id,
            price=price,
            seconds=length,
            seconds_known=seconds is not None,
            cost=price.expected(length),
            lowest=price.lowest(0.0 if seconds is None else length),
            highest=price.highest(self._limits.audio_seconds if seconds is None else length),
        )

    def _make(self, task: Task, key: SubmissionKey | None) -> Task:
        """The task, stored, or the one that was made with the key: the queue need not take that again, and its inputs are not
        stored again. Few requests repeat another, so the others do not pay for a look at what was made.
        """
        staged = holds_inputs(task.request)
        if staged and (made := self._made_with(task, key)) is not None:
            return made
        try:
            self._admission.admit(task.account_id)
        except (QueueFull, AccountQueueFull):
            if (made := self._made_with(task, key)) is None:
                raise
            return made
        made = self._store_task(task, key, staged=staged)
        if made.id != task.id:
            self._admission.withdraw(task.account_id)
        return made

    def _made_with(self, task: Task, key: SubmissionKey | None) -> Task | None:
        return None if key is None else self._store.made_with(task.account_id, key)

    def _store_task(self, task: Task, key: SubmissionKey | None, *, staged: bool) -> Task:
        """With its inputs first: a task that is stored can run. Another's task comes back where that was first."""
        # The worker, which measures the recording, sets aside what that costs before it renders.
        hold = self._prices.of_model(task.request.model).highest(self._usual_seconds)
        stored = None
        try:
            kept = self._inputs.keep(task) if staged else task
            if key is None:
                self._store.add(kept, hold=hold, staged=staged)
                stored = kept
            else:
                stored = self._store.add_once(kept, key, hold=hold, staged=staged)
        finally:
            if staged and (stored is None or stored.id != task.id):
                self._inputs.drop(task)
        return stored

    def _submission_key(self, request: GenerationRequest, word: str | None) -> SubmissionKey | None:
        if word is None:
            return None
        said = json.dumps([request.model, request.params, request.ignored], sort_keys=True, separators=(",", ":"))
        return SubmissionKey(word, sha256(said.encode()).hexdigest(), used_since=self._clock() - KEY_LIFE)

    def _check(self, request: GenerationRequest) -> tuple[Model, CheckedRequest]:
        model = self._catalog.get(request.model)
        options = self._catalog.options(model)
        return model, check_request(request, options, self._limits, needs_consent=self.needs_consent)

    def _task(self, model: Model, checked: CheckedRequest, *, caller: Caller, request_id: str) -> Task:
        return Task(
            id=TaskId(str(uuid.uuid4())),
            account_id=caller.account_id,
            key_id=caller.key_id,
            request=TaskRequest(
                model=model.id,
                image_url=checked.image_url,
                audio_url=checked.audio_url,
                options=checked.options,
                background_url=checked.background_url,
                webhook_url=checked.webhook_url,
                label=checked.label,
                ignored=checked.ignored,
            ),
            created_at=self._clock(),
            request_id=request_id,
            engine=model.engine,
            # The seed is settled here, so that a second attempt after a crash makes the same frames.
            metadata={"engine": model.engine, "seed": checked.seed}
            | ({CONSENT: checked.consent} if checked.consent else {})
            | tracing.carrier(),
        )
