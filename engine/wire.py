"""Messages between us and our child processes: two lengths, a JSON header, and bytes; and how a child is started."""

import json
import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIPE_BYTES = 1 << 20

_LENGTHS = struct.Struct(">IQ")  # of the JSON header and of the bytes behind it
_MAX_HEADER = 1 << 20


def child_command(module: str, argument: str) -> list[str]:
    """Return how to start a child: a module of ours, or the frozen program itself with the argument that means it."""
    if getattr(sys, "frozen", False):
        return [sys.executable, argument]
    # -P: a numpy.py in the folder of the films is not ours to run.
    return [sys.executable, "-P", "-m", module]


def child_environment() -> dict[str, str]:
    """Return a child's environment: it finds our packages wherever the current folder is."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *(path for path in sys.path if path and path != root)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def parents_pipes() -> tuple[int, int]:
    """Return a child's descriptors for requests and replies, and leave it no other input or output."""
    requests, replies = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (requests, replies):
            msvcrt.setmode(descriptor, os.O_BINARY)
    # A C library that prints must not write into the protocol.
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    return requests, replies


def bytes_of(samples: NDArray[Any]) -> memoryview:
    """Return the memory of a contiguous array."""
    return samples.reshape(-1).view(np.uint8).data


def write_message(descriptor: int, header: Mapping[str, Any], payload: bytes | memoryview) -> None:
    """Write a whole message to a pipe; OSError when the other side is gone."""
    text = json.dumps(header).encode()
    for part in (_LENGTHS.pack(len(text), len(payload)) + text, payload):
        view = memoryview(part)
        while view:
            view = view[os.write(descriptor, view) :]


def read_header(descriptor: int) -> tuple[dict[str, Any], int]:
    """Return a message's header, and how many bytes follow; EOFError where it ends or makes no sense."""
    lengths = bytearray(_LENGTHS.size)
    read_into(descriptor, memoryview(lengths))
    header_bytes, size = _LENGTHS.unpack(lengths)
    if header_bytes > _MAX_HEADER:
        raise EOFError
    text = bytearray(header_bytes)
    read_into(descriptor, memoryview(text))
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EOFError from error
    if not isinstance(header, dict):
        raise EOFError  # noqa: TRY004 (the other side has gone wrong, not our caller)
    return header, size


def read_into(descriptor: int, view: memoryview) -> None:
    """Fill `view` from a pipe; EOFError when the other side is gone."""
    while view:
        part = os.read(descriptor, min(len(view), PIPE_BYTES)) if not hasattr(os, "readv") else None
        if part is None:
            count = os.readv(descriptor, [view])
        else:
            count = len(part)
            view[:count] = part
        if not count:
            raise EOFError
        view = view[count:]


def read_bytes(descriptor: int, size: int) -> bytes:
    """Return so many bytes from a pipe; EOFError when the other side is gone."""
    buffer = bytearray(size)
    read_into(descriptor, memoryview(buffer))
    return bytes(buffer)
