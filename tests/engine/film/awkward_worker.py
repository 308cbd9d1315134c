"""A decoder child whose jobs crash, hang and lie: what a film may do to the real one. Run by test_decoder.py."""

import ctypes
import os
import signal
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, sys.argv[1])

import numpy as np

from engine.errors import FilmTooLargeError
from engine.film.worker import Job, serve

Given = Mapping[str, Any]
Made = tuple[Any, dict[str, Any]]
NOTHING = np.zeros(1, dtype=np.uint8)
to_parent = os.dup(1)  # the pipe itself, past the protocol


def echo(payload: bytes, given: Given) -> Made:
    return np.frombuffer(payload, dtype=np.uint8), dict(given)


def segfault(_: bytes, __: Given) -> Made:
    ctypes.string_at(0)
    return NOTHING, {}


def kill(_: bytes, __: Given) -> Made:
    os.kill(os.getpid(), signal.SIGKILL)
    return NOTHING, {}


def lie(*parts: bytes) -> Job:
    def job(_: bytes, __: Given) -> Made:
        for part in parts:
            os.write(to_parent, part)
        time.sleep(1e9)
        return NOTHING, {}

    return job


def header(text: bytes, size: int) -> bytes:
    return struct.pack(">IQ", len(text), size) + text


def raising(error: BaseException) -> Job:
    def job(_: bytes, __: Given) -> NoReturn:
        raise error

    return job


def sleep(_: bytes, __: Given) -> Made:
    time.sleep(1e9)
    return NOTHING, {}


def deaf(_: bytes, __: Given) -> Made:
    os.write(to_parent, header(b'{"shape": [0], "dtype": "uint8", "facts": {}}', 0))
    time.sleep(1e9)
    return NOTHING, {}


def loop(_: bytes, __: Given) -> Made:
    return NOTHING, {"never": sum(range(10**15))}


def work(_: bytes, given: Given) -> Made:
    until = time.process_time() + given["seconds"]
    while time.process_time() < until:
        pass
    return NOTHING, {}


def allocate(_: bytes, given: Given) -> Made:
    np.ones(given["bytes"], dtype=np.uint8)
    return NOTHING, {}


def descriptors(_: bytes, __: Given) -> Made:
    listed = Path("/proc/self/fd")
    if not listed.is_dir():
        return NOTHING, {"known": False}
    targets = []
    for name in os.listdir(listed):  # noqa: PTH208 (its own descriptor is among them, and gone when we look)
        try:
            targets.append(os.readlink(listed / name))  # noqa: PTH115
        except OSError:
            continue
    sockets = sum(target.startswith("socket:") for target in targets)
    return NOTHING, {"known": True, "sockets": sockets, "open": len(targets) - 1}  # less our own `to_parent`


serve(
    {
        "echo": echo,
        "crash": lambda _, __: os.abort(),
        "exit": lambda _, __: os._exit(3),
        "segfault": segfault,
        "kill": kill,
        "garbage": lie(header(b"not json", 0)),
        "nested header": lie(header(b"[" * 100_000, 0)),
        "huge header": lie(struct.pack(">IQ", 0xFFFFFFFF, 0)),
        "wrong size": lie(header(b'{"shape": [10, 10], "dtype": "uint8", "facts": {}}', 7)),
        "not an array": lie(header(b'{"shape": [-1, 1000000000], "dtype": "object", "facts": []}', 0)),
        "raise Exception": raising(ValueError("SENTINEL")),
        "raise BaseException": raising(BaseException("SENTINEL")),
        "raise SystemExit": raising(SystemExit(0)),
        "raise KeyboardInterrupt": raising(KeyboardInterrupt()),
        "raise ours": raising(FilmTooLargeError("too large.", advice="Take less.")),
        "sleep": sleep,
        "deaf": deaf,
        "loop": loop,
        "work": work,
        "allocate": allocate,
        "descriptors": descriptors,
    }
)
