"""The model in a process of its own, so that a crash in a native runtime costs a restart and not the window.

`Apart` is a Backend like any other. The child keeps the features, which are many and large; what crosses is a frame
(1 MB) once a film, and a box one way and its logits the other. A child that dies, or gives no answer for long, is
started again and shown the frame again, once a call: what kills it twice is the reader's to know.
"""

import contextlib
import logging
import subprocess
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine import errors
from engine.errors import BackendError, LungboxError, NoResultError
from engine.network.backends import check_result
from engine.network.checkpoint import Checkpoint, read_checkpoint
from engine.wire import bytes_of, child_command, child_environment, read_bytes, read_header, write_message

WORKER_ARGUMENT = "--model-worker"  # a frozen program started with it calls `engine.network.worker.serve`, and no more

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
# A request that takes longer hangs: long enough for the largest network on the slowest CPU.
_ANSWER_S = 300.0
_DOCTOR = "Run `lungbox doctor`; close other programs if memory is short."


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Kept:
    """Features that a child holds, and the frame they came from: a child that dies takes its features with it."""

    frame: NDArray[np.float32]
    number: int
    life: int  # of which child


class Apart:
    """One checkpoint, run by a child process. Safe to use from any thread; one request runs at a time."""

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        disk_bytes: int = 0,
        command: Sequence[str] | None = None,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self.checkpoint: Checkpoint = read_checkpoint(path)
        self.description = self.device = self.fallback = ""
        self.restarts = 0
        self._answer_s = answer_s  # a child that has not answered a request by then is ended
        self._path, self._asked_device, self._disk_bytes = path, device, disk_bytes
        own = child_command("engine.network.worker", WORKER_ARGUMENT)
        self._command = own if command is None else list(command)
        self._lock = threading.RLock()
        self._closed = False
        self._life = 0
        self._numbers = 0
        self._dropped: list[int] = []  # features that nobody holds any more; told with the next request
        self._child: list[subprocess.Popen[bytes]] = []
        weakref.finalize(self, _end, self._child)
        with self._lock:
            self._start()

    @property
    def pid(self) -> int | None:
        """The child's process number, None when there is no child."""
        return self._child[0].pid if self._child else None

    def encode(self, frame: NDArray[np.float32]) -> _Kept:
        """Have one (channels, size, size) frame encoded."""
        with self._lock:
            return self._twice(lambda: self._encode(_Kept(frame, self._number(), self._life)))

    def decode(
        self, features: _Kept, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and quality; NoResultError if they are not numbers, or say nothing."""

        def ask() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            if features.life != self._life:
                features.number, features.life = self._number(), self._life
                self._encode(features)
            prompts = np.concatenate([coordinates, labels[..., None]], axis=2, dtype=np.float32)
            header, payload = self._request(
                {"do": "decode", "number": features.number, "shape": prompts.shape}, prompts
            )
            count, rows, columns = header["shape"]
            values = np.frombuffer(payload, dtype=np.float32)
            logits = values[: count * rows * columns].reshape(count, rows, columns)
            return logits, values[count * rows * columns :]

        with self._lock:
            logits, quality = self._twice(ask)
        check_result(logits, quality)
        return logits, quality

    def close(self) -> None:
        """End the child for good; a request under way fails, and so do later ones."""
        self._closed = True
        for child in self._child[:]:
            child.kill()  # first: who holds the lock waits for its answer
        with self._lock:
            _end(self._child)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _encode(self, kept: _Kept) -> _Kept:
        self._request({"do": "encode", "number": kept.number, "shape": kept.frame.shape}, kept.frame)
        weakref.finalize(kept, self._dropped.append, kept.number)
        return kept

    def _twice(self, ask: Callable[[], Answer]) -> Answer:
        """Return the answer; a child that dies over it is replaced and asked once more."""
        try:
            return ask()
        except (OSError, EOFError) as fault:
            self._replace(fault)
        try:
            return ask()
        except (OSError, EOFError) as fault:
            _end(self._child)
            gone = "The model's process ended, or gave no answer, twice over this film."
            raise BackendError(gone, advice=_DOCTOR) from fault

    def _replace(self, fault: BaseException) -> None:
        if self._closed:
            raise BackendError("The model was closed.") from fault
        self.restarts += 1
        code = self._child[0].wait() if self._child and self._child[0].poll() is not None else None
        _log.warning("the model's process ended (%s, exit code %s) and is started again", type(fault).__name__, code)
        self._start()

    def _start(self) -> None:
        """Start a child and have it load the model."""
        _end(self._child)
        self._life += 1
        self._dropped.clear()
        try:
            child = subprocess.Popen(  # noqa: S603 (our own program)
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                close_fds=True,
                env=child_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            self._child.append(child)
            if self._closed:  # while it was being started, so nobody has ended it
                _end(self._child)
            wanted = {"path": str(self._path), "sha256": self.checkpoint.sha256, "device": self._asked_device}
            self._request({"do": "load", "disk_bytes": self._disk_bytes, **wanted})
        except (OSError, EOFError) as fault:
            _end(self._child)
            raise BackendError("The model's process could not be started.", advice=_DOCTOR) from fault

    def _request(self, header: Mapping[str, Any], values: NDArray[np.float32] | None = None) -> tuple[Any, bytes]:
        """Return the child's answer; OSError or EOFError when it is gone, its own error where it refuses."""
        if not self._child:
            raise EOFError
        child = self._child[0]
        assert child.stdin is not None
        assert child.stdout is not None
        dropped = [self._dropped.pop() for _ in range(len(self._dropped))]
        payload = b"" if values is None else bytes_of(np.ascontiguousarray(values))
        with _ended_after(self._answer_s, child):
            write_message(child.stdin.fileno(), {**header, "drop": dropped}, payload)
            answer, size = read_header(child.stdout.fileno())
            body = read_bytes(child.stdout.fileno(), size)
        if "fault" in answer:
            raise _fault(answer)
        self.description, self.device = answer["description"], answer["device"]
        self.fallback = answer["fallback"]
        return answer, body


@contextlib.contextmanager
def _ended_after(seconds: float, child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a child that has not answered by then: what waits for it sees its pipe close."""

    def end() -> None:
        _log.warning("the model's process gave no answer for %g s and is ended", seconds)
        child.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _fault(answer: Mapping[str, Any]) -> LungboxError:
    """Return the child's error as it was raised there."""
    kind = getattr(errors, str(answer["fault"]), BackendError)
    known = isinstance(kind, type) and issubclass(kind, LungboxError)
    return (kind if known else NoResultError)(answer["message"], advice=answer["advice"])


def _end(child: list[subprocess.Popen[bytes]]) -> None:
    """Kill and reap the child, if there is one."""
    while child:
        process = child.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
