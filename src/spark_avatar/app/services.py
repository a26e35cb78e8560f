"""The services of a server process.

Web libraries are imported where they are used: worker processes import this module too, and never need them.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.app.account_data import account_data_of
from spark_avatar.app.accounts import account_services, key_store, known_models
from spark_avatar.app.adapters import (
    database_url_of,
    fetcher_of,
    files_of,
    prices_of,
    secret_of,
    storage_of,
    task_store_of,
    work_dir_of,
    work_room_of,
)
from spark_avatar.app.billing import billing_of
from spark_avatar.app.broker import broker_url_of, open_dispatcher
from spark_avatar.app.housekeeping import KILL_SLACK_SECONDS, Housekeeping
from spark_avatar.app.worker import worker_main
from spark_avatar.config import Settings
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade_when_there
from spark_avatar.dispatch.dispatcher import Dispatcher
from spark_avatar.dispatch.in_process import InProcessDispatcher
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.dispatch.sql_roster import SqlChores, SqlRoster
from spark_avatar.errors import SparkAvatarError
from spark_avatar.private_files import make_private_folder
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.accounts import AccountServices
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.admission import Admission
from spark_avatar.service.analysis import AnalysisService
from spark_avatar.service.billing import BillingService
from spark_avatar.service.files import FileService
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.helper_process import HelperProcess
from spark_avatar.service.http_sender import HttpSender
from spark_avatar.service.inputs import RequestInputs
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.service.models import ModelCatalog
from spark_avatar.service.reconciler import RECONCILE_SECONDS, Reconciler
from spark_avatar.service.recovery import Recovery, Sweeper
from spark_avatar.service.retention import Retention, age
from spark_avatar.service.segment_cleanup import clear_ended, segment_workdirs
from spark_avatar.service.staging import GRACE_SECONDS, StagingRecovery
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.service.verification import VerificationService
from spark_avatar.service.webhook_endpoints import WebhookEndpoints
from spark_avatar.service.webhooks import WebhookDeliverer, WebhookSigner
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore
from spark_avatar.tasks.sql.search import task_beginning_with
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.sql.staging import SqlStagedTasks
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.telemetry import PLAIN_LOGGING, Logging
from spark_avatar.wiring import limits_of, model_catalog

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from spark_avatar.tasks.task import AccountId, Task

_VERIFY_SECONDS = 90.0
"""For the frames of one video: the first 600 at most are read."""
_MOST_VERIFYING = 4
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Services:
    """Everything that a server process runs on."""

    settings: Settings
    database: Engine
    store: SqlTaskStore
    keys: SqlKeyStore
    accounts: AccountServices
    billing: BillingService
    storage: ObjectStorage
    catalog: ModelCatalog
    generation: GenerationService
    tasks: TaskService
    files: FileService
    dispatcher: Dispatcher
    roster: SqlRoster
    housekeeping: Housekeeping
    analysis: AnalysisService
    verification: VerificationService
    webhooks: WebhookDeliverer
    webhook_endpoints: WebhookEndpoints
    account_data: AccountData
    sweepers: tuple[Sweeper, ...]
    started: threading.Event = field(default_factory=threading.Event)

    def checks(self) -> dict[str, bool]:
        """What must hold before this server can take work."""
        return {
            "database": self.started.is_set() and self.store.ping(),
            "storage": _answers(self.storage),
            "workers": self.dispatcher.ready(),
        }

    def start(self, *, over: threading.Event | None = None, on_away: Callable[[], None] | None = None) -> None:
        """Brings the database up to date, starts the workers, takes up what dead servers left. A PostgreSQL that does not answer
        is waited for, until `over` is set; `on_away` is told when it did not at once.
        """
        make_private_folder(self.housekeeping.scratch)
        if not upgrade_when_there(database_url_of(self.settings), over=over, on_away=on_away):
            return
        self.dispatcher.start()
        for sweeper in self.sweepers:
            sweeper.start()
        self.started.set()

    def stop(self) -> None:
        """Lets running tasks finish or be handed back; nothing of this run stays behind. Right at any time after `start`."""
        for sweeper in self.sweepers:
            sweeper.stop()
        self.analysis.helper.stop()
        self.verification.helper.stop()
        self.dispatcher.stop(grace_seconds=self.settings.drain_seconds)
        self.housekeeping.presence.withdraw()
        shutil.rmtree(self.housekeeping.scratch, ignore_errors=True)
        self.database.dispose()


def build_services(settings: Settings, logging: Logging = PLAIN_LOGGING) -> Services:
    """Puts the services together; starts nothing. Raises `ConfigurationError`."""
    database = open_database(database_url_of(settings))
    store, storage, catalog = task_store_of(settings, database), storage_of(settings), model_catalog(settings)
    leases = LeaseWatch(settings.lease_seconds)
    segments = SqlSegmentStore(database)
    recovery = Recovery(
        store, storage, work_dir_of(settings), settings.max_attempts, leases, other_folders=partial(segment_workdirs, segments)
    )
    staged = SqlStagedTasks(database)
    roster, chores = SqlRoster(database), SqlChores(database)
    presence, uploads = ServerPresence(settings.data_dir / "servers"), settings.data_dir / "uploads-under-way"
    housekeeping = Housekeeping(presence, recovery, roster, uploads, settings.task_seconds)
    dispatcher = _dispatcher(settings, logging, housekeeping)
    analysis = AnalysisService(fetcher_of(settings, storage), HelperProcess(), limits_of(settings), housekeeping.scratch)
    generation = GenerationService(
        store,
        dispatcher,
        catalog,
        inputs=RequestInputs(storage, limits_of(settings), staged),
        prices=prices_of(settings),
        usual_seconds=settings.hold_seconds,
        needs_consent=settings.require_consent,
        length_at_hand=analysis.length_at_hand,
        limits=limits_of(settings),
        admission=Admission(store, settings.max_queued, settings.max_queued_per_account),
    )
    webhooks = _webhooks(settings, database, store)
    keys = key_store(database)
    accounts = account_services(settings, database, keys, known_models(catalog))
    return Services(
        settings=settings,
        database=database,
        store=store,
        keys=keys,
        accounts=accounts,
        billing=billing_of(settings, database),
        storage=storage,
        catalog=catalog,
        generation=generation,
        tasks=TaskService(store, TaskFiles(storage), dispatcher.look_again),
        files=files_of(settings, storage),
        dispatcher=dispatcher,
        roster=roster,
        housekeeping=housekeeping,
        analysis=analysis,
        verification=_verification(settings, database),
        webhooks=webhooks,
        account_data=account_data_of(settings, database, storage),
        webhook_endpoints=WebhookEndpoints(webhooks.endpoints, webhooks.deliveries, webhooks.signer, accounts.audit),
        sweepers=(
            Sweeper(housekeeping.take_up, seconds=settings.lease_seconds / 3, first_seconds=0),
            Sweeper(Reconciler(store, dispatcher, chores).step, seconds=RECONCILE_SECONDS),
            Sweeper(StagingRecovery(staged, storage).step, seconds=GRACE_SECONDS / 6, first_seconds=0),
            Sweeper(partial(_sweep_hourly, chores, _retention(settings, store, storage)), seconds=600, first_seconds=60),
            Sweeper(partial(clear_ended, segments, storage), seconds=30),
            Sweeper(webhooks.step, seconds=1),
            Sweeper(webhooks.tidy, seconds=3600, first_seconds=60),
            Sweeper(accounts.device_logins.sweep, seconds=3600, first_seconds=60),
            Sweeper(accounts.retention.sweep, seconds=3600, first_seconds=60),
        ),
    )


def _dispatcher(settings: Settings, logging: Logging, housekeeping: Housekeeping) -> Dispatcher:
    """Workers of this server's own, or, with a broker, those that listen to it."""
    if broker_url_of(settings) is not None:
        return open_dispatcher(settings)
    if settings.secret_key is None and settings.database_url is not None:
        _log.warning("set SPARK_AVATAR_SECRET_KEY before a second server joins: it would refuse the links of this one")
    return InProcessDispatcher(
        worker_main,
        (settings, logging),
        workers=settings.workers,
        prefix=housekeeping.presence.server_id,
        on_end=housekeeping.worker_ended,
        hard_seconds=settings.task_seconds + KILL_SLACK_SECONDS,
        room=work_room_of(settings),
    )


def _sweep_hourly(chores: SqlChores, retention: Retention) -> None:
    """By one of the servers."""
    if chores.take("retention", every_seconds=3600):
        retention.sweep()


def _webhooks(settings: Settings, database: Engine, store: SqlTaskStore) -> WebhookDeliverer:
    sender = HttpSender(AllowList.parse(settings.fetch_allow))
    signer = WebhookSigner(secret_of(settings))
    audit = SqlAuditLog(database)
    return WebhookDeliverer(SqlDeliveryStore(database), SqlEndpointStore(database), store, sender, signer, audit)


def _verification(settings: Settings, database: Engine) -> VerificationService:
    def find(beginning: str, account_id: AccountId) -> Task | None:
        return task_beginning_with(database, beginning, account_id=account_id)

    helper = HelperProcess(call_seconds=_VERIFY_SECONDS, most_waiting=_MOST_VERIFYING)
    return VerificationService(helper, find, settings.provenance_trust)


def _retention(settings: Settings, store: SqlTaskStore, storage: ObjectStorage) -> Retention:
    ages = age(timedelta(days=settings.keep_days)), age(timedelta(hours=settings.keep_input_hours))
    return Retention(store, storage, TaskFiles(storage), LinkSigner(secret_of(settings)), *ages)


def _answers(storage: ObjectStorage) -> bool:
    """Whether the storage can be asked."""
    try:
        storage.check()
    except SparkAvatarError:
        return False
    return True
