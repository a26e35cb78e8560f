"""The server's side: tells workers, wherever they run, that there is something to do."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from amqp.exceptions import NotFound
from kombu import Connection

from spark_avatar.dispatch.celery_queue.broker import LOOK, LOOK_AGAIN, open_broker, open_publisher, queue_of
from spark_avatar.telemetry import Seldom

_CONFIRM_SECONDS = 5.0
_MOST_AT_ONCE = 1000
"""Messages that are sent again in one round: workers take fewer in the time until the next."""
_LAST_WORDS_SECONDS = 2.0

_log = logging.getLogger(__name__)


class CeleryDispatcher:
    """Publishes from a thread of its own: a request never waits for the broker. Implements `Dispatcher`.

    What cannot be published is forgotten here. It stands in the database, from where `top_up` brings it back.
    """

    def __init__(self, url: str, *, default_engine: str) -> None:
        """Tasks of no engine in particular, as earlier releases stored them, are announced to `default_engine`'s workers."""
        self._app = open_broker(url)
        self._default_engine = default_engine
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._wakes: Counter[str] = Counter()
        self._waiting: dict[str, int] = {}
        self._recall = False
        self._complaint = Seldom()
        self._news = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Starts the publisher; the broker may be away."""
        self._thread.start()

    def wake(self, engine: str) -> None:
        """Says that a task for the engine was queued; never blocks or raises."""
        with self._lock:
            self._wakes[engine or self._default_engine] += 1
        self._news.set()

    def top_up(self, waiting: Mapping[str, int]) -> None:
        """Has as many messages under way as tasks wait; returns at once."""
        with self._lock:
            self._waiting = dict(waiting)
        self._news.set()

    def look_again(self) -> None:
        """Has running workers ask whether their task is still theirs; returns at once."""
        with self._lock:
            self._recall = True
        self._news.set()

    def ready(self) -> bool:
        """Tasks are accepted whether a worker runs or not: autoscaling may start the first one when a task waits."""
        return not self._over

    def stop(self, *, grace_seconds: float) -> None:  # noqa: ARG002 - no worker of this server's runs
        """Ends after what was said last has been published, or could not be."""
        self._over = True
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_WORDS_SECONDS)
        self._app.close()

    def _run(self) -> None:
        while not self._over:
            self._news.wait()
            self._news.clear()
            with self._lock:
                wakes, self._wakes = self._wakes, Counter()
                waiting, self._waiting = self._waiting, {}
                recall, self._recall = self._recall, False
            if not self._publish(wakes, waiting, recall=recall):
                self._publish(wakes, waiting, recall=recall, again=True)
        self._hang_up()

    def _publish(self, wakes: Mapping[str, int], waiting: Mapping[str, int], *, recall: bool, again: bool = False) -> bool:
        try:
            connection = self._connected()
            if recall:
                self._app.control.broadcast(LOOK_AGAIN, connection=connection)
            self._send(connection, wakes)
            self._send(connection, self._missing(connection, waiting))
        except Exception as error:  # noqa: BLE001 - drivers have many; the database knows what waits
            # The first time, the connection may have been cut since it was used last.
            if again and self._complaint.due():
                _log.warning("the broker does not answer", extra={"error": repr(error)})
            self._hang_up()
            return False
        self._complaint.settle()
        return True

    def _send(self, connection: Connection, counts: Mapping[str, int]) -> None:
        if not any(counts.values()):
            return
        with self._app.amqp.Producer(connection, auto_declare=False) as producer:
            for engine, count in counts.items():
                for _ in range(min(count, _MOST_AT_ONCE)):
                    self._app.send_task(
                        LOOK, queue=queue_of(engine), producer=producer, retry=False, confirm_timeout=_CONFIRM_SECONDS
                    )

    def _missing(self, connection: Connection, waiting: Mapping[str, int]) -> dict[str, int]:
        """How many messages each engine lacks. Those that a worker has received belong to tasks that run."""
        counts: Counter[str] = Counter()
        for engine, tasks in waiting.items():
            counts[engine or self._default_engine] += tasks
        return {engine: max(0, tasks - _depth(connection, queue_of(engine))) for engine, tasks in counts.items()}

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = open_publisher(self._app)
            self._connection.connect()
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.release()
        except Exception:  # noqa: BLE001 - it is being given up
            _log.debug("a broken connection could not be closed", exc_info=True)


def _depth(connection: Connection, queue: str) -> int:
    """Messages that no worker has received yet."""
    channel: Any = connection.channel()
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except NotFound:  # nobody has spoken of this engine yet; the channel is closed by that
        return 0
    finally:
        channel.close()
