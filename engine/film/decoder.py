"""A child process that decodes compressed pictures, so that a file can hang or crash it and not us.

Decoders are C, and C that reads a hostile file can loop for minutes or take the process with it; no Python thread or
signal handler stops that. The child is started once and kept (a job costs about 2 ms over the decoding itself), has
limits on memory and processor time, is killed when the clock runs out, and is started again after a death.

Parent and child speak over two pipes: a length, a JSON header, and bytes. It is no `multiprocessing`, which would run
a caller's script a second time where that has no `__main__` guard. The child inherits nothing but the pipes, and ends
when they close, so it never outlives us.
"""

import atexit
import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, NotAFilmError, UnsupportedFilmError
from engine.film.radiograph import MAX_PIXELS
from engine.wire import (
    PIPE_BYTES,
    bytes_of,
    child_command,
    child_environment,
    read_header,
    read_into,
    write_message,
)

WORKER_ARGUMENT = "--decoder-worker"  # a frozen program started with it calls `engine.film.worker.serve`, and no more

_MAX_SAMPLES = 4 * MAX_PIXELS
_MAX_TEXT = 300
_START_LIMIT_S = 60.0  # importing numpy and the codecs from a cold, slow disk
_TYPES = frozenset({"uint8", "uint16", "int8", "int16"})
_FAULTS: dict[str, type[FilmError]] = {
    kind.__name__: kind
    for kind in (FilmError, NotAFilmError, DamagedFilmError, UnsupportedFilmError, FilmTooLargeError)
}
_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again from its system, uncompressed if it can."


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use before it is stopped."""

    wall_s: float = 10.0
    cpu_s: float = 10.0
    memory_bytes: int = 1 << 30

    @staticmethod
    def of(samples: int) -> "Limits":
        """Return limits for a picture of so many samples (pixels times channels).

        JPEG 2000 of pure noise, the slowest, took 0.2 s of processor time and 12 bytes a megasample on an ordinary
        machine: slower ones have room, and the answer to a hostile file still comes within 15 s.
        """
        megasamples = samples / 1e6
        return Limits(
            wall_s=10.0 + min(4.0, 0.06 * megasamples),
            cpu_s=2.0 + min(10.0, 0.8 * megasamples),
            memory_bytes=min((256 << 20) + 24 * samples, 1 << 30),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What a job gave: an array, and facts about it."""

    samples: NDArray[np.integer]
    facts: dict[str, Any]


def decode_frame(
    codestream: bytes, transfer_syntax: str, rows: int, columns: int, bits_allocated: int, samples: int
) -> NDArray[np.integer]:
    """Return the samples of one compressed frame, decoded in the child (see `engine.film.codecs.decode_frame`).

    FilmError, without the file's name, where the codestream is damaged, is not what the header says, or takes too
    much time or memory.
    """
    if rows * columns > MAX_PIXELS:
        raise FilmTooLargeError(f"{columns} x {rows} pixels are over our limit.", advice=_EXPORT_AGAIN)
    parameters = {
        "transfer_syntax": transfer_syntax,
        "rows": rows,
        "columns": columns,
        "bits_allocated": bits_allocated,
        "samples": samples,
    }
    return _kept.run("frame", codestream, parameters, Limits.of(rows * columns * samples)).samples


def decode_picture(data: bytes, kind: str) -> Reply:
    """Return the grey pixels of a PNG, TIFF or JPEG, decoded in the child (see `engine.film.raster`)."""
    return _kept.run("picture", data, {"kind": kind}, Limits.of(MAX_PIXELS))


def prewarm() -> None:
    """Start the child without waiting for it, so that the first film need not."""
    _kept.prewarm()


def kept_pid() -> int | None:
    """Return the child's process number, None when there is none: for whoever measures it."""
    return _kept.pid


class DecoderProcess:
    """The child, seen from the parent. Safe to use from any thread; one job runs at a time."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False

    @property
    def pid(self) -> int | None:
        """The child's process number, None when there is no child."""
        return None if self._process is None else self._process.pid

    def prewarm(self) -> None:
        """Start the child if there is none, without waiting for it."""
        with self._lock:
            self._living()

    def run(self, job: str, payload: bytes, parameters: Mapping[str, Any], limits: Limits) -> Reply:
        """Return what the job gives; FilmError where the file is at fault or a limit is reached."""
        with self._lock:
            process = self._living()
            if not self._ready:
                self._await_start(process)
            header = {
                "job": job,
                "parameters": dict(parameters),
                "wall_s": limits.wall_s,
                "cpu_s": limits.cpu_s,
                "memory_bytes": limits.memory_bytes + len(payload),
            }
            too_long = f"decoding it took longer than {limits.wall_s:.0f} s and was stopped"
            with self._watched(process, limits.wall_s, too_long):
                _send(process, header, payload)
                return _receive(process)

    def close(self) -> None:
        """End the child; a job under way fails. The next job starts a new one."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._discard()

    def forget(self) -> None:
        """Let go of a child that belongs to the process we were forked from."""
        self._lock = threading.Lock()
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            _close_pipes(process)
            process.returncode = 0  # not ours to wait for

    def _living(self) -> subprocess.Popen[bytes]:
        """Return the child, started anew if it has died since the last job."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._discard()
        own = child_command("engine.film.worker", WORKER_ARGUMENT)
        command = own if self._command is None else list(self._command)
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                close_fds=True,
                env=_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            reason = error.strerror or "the system refused"
            raise FilmError(f"its decoder could not be started: {reason}.", advice="Restart Lungbox.") from error
        _widen(self._process)
        return self._process

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the child has imported what it needs; its failure to start is no film's fault."""
        try:
            with self._watched(process, _START_LIMIT_S, "its decoder did not start"):
                _receive(process)
        except FilmError as error:
            raise FilmError("its decoder could not be started.", advice="Install Lungbox again.") from error
        self._ready = True

    @contextlib.contextmanager
    def _watched(self, process: subprocess.Popen[bytes], wall_s: float, too_long: str) -> Iterator[None]:
        """Kill the child when the time is up, and turn its death into one of our errors."""
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            process.kill()

        clock = threading.Timer(wall_s, kill)
        clock.daemon = True
        try:
            clock.start()
        except RuntimeError as error:
            raise MemoryError("no room for another thread") from error
        whole = False
        try:
            yield
            whole = True
        except (OSError, EOFError) as error:
            process.kill()
            code = process.wait()
            raise _death(code, too_long if expired.is_set() else "") from error
        except FilmError:
            whole = True
            raise
        finally:
            clock.cancel()
            if not whole:  # also when a KeyboardInterrupt leaves half a message in the pipe
                process.kill()
                self._discard()

    def _discard(self) -> None:
        """Reap the child, if there is one."""
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            process.kill()
            process.wait()
            _close_pipes(process)


def _death(code: int, too_long: str) -> FilmError:
    """Return our error for a child that died with `code`, or that we had to kill."""
    if too_long:
        return FilmTooLargeError(f"{too_long}.", advice=_EXPORT_AGAIN)
    if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
        return FilmTooLargeError("decoding it took too much processor time and was stopped.", advice=_EXPORT_AGAIN)
    if hasattr(signal, "SIGKILL") and code == -signal.SIGKILL:
        return FilmTooLargeError("the system stopped its decoding, probably for want of memory.", advice=_EXPORT_AGAIN)
    return DamagedFilmError("its picture is damaged, so much that the decoder crashed.", advice=_COPY_AGAIN)


def _environment() -> dict[str, str]:
    # One heap for all threads: glibc reserves 64 MB of address space for each further one, which counts as memory.
    return {**child_environment(), "MALLOC_ARENA_MAX": "1"}


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Ask Linux for larger pipes: 30 MB cross in 14 ms in place of 20."""
    if sys.platform == "linux":
        import fcntl

        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _send(process: subprocess.Popen[bytes], header: Mapping[str, Any], payload: bytes) -> None:
    assert process.stdin is not None
    write_message(process.stdin.fileno(), header, payload)


def _receive(process: subprocess.Popen[bytes]) -> Reply:
    """Return the child's answer. The child may have been taken over by the file it read: nothing it says is trusted."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    header, size = read_header(descriptor)
    if "fault" in header:
        kind = _FAULTS.get(str(header["fault"]), DamagedFilmError)
        raise kind(str(header.get("message", ""))[:_MAX_TEXT], advice=str(header.get("advice", ""))[:_MAX_TEXT])
    shape, kind_name, facts = header.get("shape"), header.get("dtype"), header.get("facts")
    if not (
        isinstance(shape, list)
        and 1 <= len(shape) <= 3
        and all(isinstance(side, int) and side >= 0 for side in shape)
        and math.prod(shape) <= _MAX_SAMPLES
        and kind_name in _TYPES
        and isinstance(facts, dict)
    ):
        raise EOFError
    samples: NDArray[np.integer] = np.empty(shape, dtype=np.dtype(kind_name))
    if size != samples.nbytes:
        raise EOFError
    read_into(descriptor, bytes_of(samples))
    return Reply(samples, facts)


_kept = DecoderProcess()
atexit.register(_kept.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.forget)
