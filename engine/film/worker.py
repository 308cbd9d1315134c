"""The decoder's child: answers jobs over two pipes until the parent closes them, within limits of its own.

Run by `engine.film.decoder`, as `python -m engine.film.worker` or by a frozen program that calls `serve`.
"""

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, LungboxError
from engine.wire import bytes_of, parents_pipes, read_bytes, read_header, write_message

Job = Callable[[bytes, Mapping[str, Any]], tuple[NDArray[np.integer], dict[str, Any]]]

_GRACE_S = 5  # our own alarm, for a parent that died before it could kill
_COPY_AGAIN = "Copy the file again from where it came from."
_EXPORT_AGAIN = "Export the film again from its system, uncompressed if it can."
_NOTHING: NDArray[np.integer] = np.empty(0, dtype=np.uint8)


def serve(jobs: Mapping[str, Job] | None = None) -> None:
    """Answer jobs until the parent closes the pipe. All that a child process runs."""
    requests, replies = parents_pipes()
    _settle_signals()
    known = _jobs() if jobs is None else jobs
    budget = _Budget()
    # An empty answer says that we are ready: start-up is not charged to the first film.
    with contextlib.suppress(OSError, EOFError):
        write_message(replies, {"shape": [0], "dtype": "uint8", "facts": {}}, b"")
        while True:
            header, size = read_header(requests)
            payload = read_bytes(requests, size)
            answer, samples = _answer(known, header, payload, budget)
            del payload
            write_message(replies, answer, bytes_of(samples))
            del samples


def _settle_signals() -> None:
    """Make sure that the signals which end us do, whatever the parent had blocked or ignored when it started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches us too: the parent decides
    if sys.platform != "win32":
        for ending in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM):
            signal.signal(ending, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _jobs() -> dict[str, Job]:
    """Return the jobs of the program; imported here, so that the parent loads no codecs."""
    from engine.film import codecs, raster

    def frame(payload: bytes, parameters: Mapping[str, Any]) -> tuple[NDArray[np.integer], dict[str, Any]]:
        return codecs.decode_frame(payload, **parameters), {}

    def picture(payload: bytes, parameters: Mapping[str, Any]) -> tuple[NDArray[np.integer], dict[str, Any]]:
        decoded = raster.decode(payload, **parameters)
        return decoded.grey, decoded.facts()

    return {"frame": frame, "picture": picture}


def _answer(
    jobs: Mapping[str, Job], header: Mapping[str, Any], payload: bytes, budget: "_Budget"
) -> tuple[dict[str, Any], NDArray[np.integer]]:
    """Return the header and the samples of a reply; any fault at all becomes a FilmError here."""
    try:
        with budget.spent_on(header):
            samples, facts = jobs[header["job"]](payload, header["parameters"])
            samples = np.ascontiguousarray(samples)
    except LungboxError as error:
        return {"fault": type(error).__name__, "message": error.message, "advice": error.advice}, _NOTHING
    except MemoryError:
        fault: FilmError = FilmTooLargeError("decoding it takes more memory than we allow.", advice=_EXPORT_AGAIN)
    except BaseException as error:  # noqa: BLE001 (some decoders raise outside Exception; each says one thing: damage)
        fault = DamagedFilmError(f"its picture could not be decoded ({type(error).__name__}).", advice=_COPY_AGAIN)
    else:
        return {"shape": list(samples.shape), "dtype": samples.dtype.name, "facts": facts}, samples
    return {"fault": type(fault).__name__, "message": fault.message, "advice": fault.advice}, _NOTHING


class _Budget:
    """The child's own limits, renewed for every job, where the system has them (not on Windows)."""

    def __init__(self) -> None:
        self._idle_bytes = _address_space()
        if sys.platform != "win32":
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the film

    @contextlib.contextmanager
    def spent_on(self, header: Mapping[str, Any]) -> Iterator[None]:
        """Limit address space and processor time to what the parent grants this job."""
        if sys.platform == "win32":
            yield
            return
        import resource

        signal.setitimer(signal.ITIMER_REAL, float(header["wall_s"]) + _GRACE_S)  # unhandled, so it ends the process
        cpu = math.ceil(time.process_time() + float(header["cpu_s"]))
        _set_soft_limit(resource.RLIMIT_CPU, cpu)
        if self._idle_bytes:
            _set_soft_limit(resource.RLIMIT_AS, self._idle_bytes + int(header["memory_bytes"]))
        try:
            yield
        finally:
            _set_soft_limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
            signal.setitimer(signal.ITIMER_REAL, 0.0)


def _set_soft_limit(which: int, value: int) -> None:
    """Set the soft limit, which can be raised again for the next job, and leave the hard one."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
            value = hard
        with contextlib.suppress(OSError, ValueError):  # macOS refuses some
            resource.setrlimit(which, (value, hard))


def _address_space() -> int:
    """Return the bytes of address space in use, 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    serve()
