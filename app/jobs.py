"""Jobs: engine work off the UI thread, results back on it, stale ones dropped.

One worker thread per lane. The model's lane is one thread, so that no two films are ever encoded at once; reading has
its own, so that the next film appears while this one is encoded.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from engine.errors import LungboxError

Result = TypeVar("Result")


class Lane(Enum):
    """Which worker does the work."""

    FILM = "film"  # reading files
    MODEL = "model"  # the encoder and the decoder
    RESULT = "result"  # measuring, saving, exporting


class Priority(IntEnum):
    """What the reader waits for goes first."""

    NOW = 0
    SOON = 1
    AHEAD = 2


@dataclass(order=True, slots=True)
class _Job:
    priority: int
    number: int
    work: Callable[[], Any] = field(compare=False)
    then: Callable[[Any], None] = field(compare=False)
    failed: Callable[[LungboxError], None] | None = field(compare=False)
    owner: Hashable = field(compare=False)
    key: Hashable = field(compare=False)
    dropped: bool = field(compare=False, default=False)


class Jobs(QObject):
    """Runs functions in worker threads and calls back on the UI thread."""

    failed = Signal(object)  # LungboxError that nobody asked for
    idle = Signal()  # the last job was delivered or dropped
    _finished = Signal(object, object)  # list with the job, its Future

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executors = {
            lane: ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"lungbox-{lane.value}") for lane in Lane
        }
        self._waiting: dict[Lane, list[_Job]] = {lane: [] for lane in Lane}
        self._alive: dict[int, _Job] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        lane: Lane,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        failed: Callable[[LungboxError], None] | None = None,
        *,
        owner: Hashable = None,
        key: Hashable = None,
        priority: Priority = Priority.NOW,
    ) -> None:
        """Run `work` in a lane; `then` gets its result on the UI thread, `failed` its LungboxError.

        A waiting job with the same key is replaced: of many positions of a dragged box only the last is worth decoding.
        A running one is still delivered, so that the mask follows the drag. `forget(owner)` drops both.
        """
        if self._closed:
            return
        with self._lock:
            job = _Job(int(priority), next(self._numbers), work, then, failed, owner, key)
            if key is not None:
                for other in self._waiting[lane]:
                    if other.key == key:
                        other.dropped = True
            heapq.heappush(self._waiting[lane], job)
            self._alive[job.number] = job
        taken: list[_Job] = []
        future = self._executors[lane].submit(self._take, lane, taken)
        future.add_done_callback(lambda done: self._announce(taken, done))

    def forget(self, owner: Hashable) -> None:
        """Drop every job of an owner: those waiting never run, those running are not delivered."""
        with self._lock:
            for job in self._alive.values():
                if job.owner == owner:
                    job.dropped = True

    @property
    def busy(self) -> bool:
        """True while anything waits or runs."""
        return bool(self._alive)

    def close(self) -> None:
        """Drop what waits, let what runs finish, and deliver nothing more."""
        self._closed = True
        with self._lock:
            for job in self._alive.values():
                job.dropped = True
        for executor in self._executors.values():
            executor.shutdown(wait=True, cancel_futures=True)
        self._alive.clear()

    def _take(self, lane: Lane, taken: list[_Job]) -> Any:
        """Run the most urgent job of a lane (on its worker thread)."""
        with self._lock:
            job = heapq.heappop(self._waiting[lane])
        taken.append(job)
        return None if job.dropped else job.work()

    def _announce(self, taken: list[_Job], done: "Future[Any]") -> None:
        if not self._closed and not done.cancelled():
            self._finished.emit(taken, done)

    @Slot(object, object)
    def _deliver(self, taken: list[_Job], done: "Future[Any]") -> None:
        job = taken[0]
        self._alive.pop(job.number, None)
        try:
            if job.dropped or self._closed:
                return
            error = done.exception()
            if error is None:
                job.then(done.result())
            elif isinstance(error, LungboxError):
                (job.failed or self.failed.emit)(error)
            else:
                raise error  # a bug, ours or a library's: to the one place that shows those
        finally:
            if not self._alive:
                self.idle.emit()
