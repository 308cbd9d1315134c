"""Encoded films on disk, so that a film opened again, after a restart or from the worklist's far end, is ready at once.

Named by a hash of the frame the model saw and of all that made features of it: nothing of the patient is in a name. The
files are the owner's alone, as features can be turned back into something like the picture.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from engine.errors import FilmError, OutputError
from engine.files import read_file, write_atomically

Features = tuple[NDArray[Any], ...]  # of the types below

_log = logging.getLogger(__name__)
_DIGEST = 32
_LENGTH = struct.Struct(">I")
_TYPES = frozenset({"<f4", "<u2"})  # float32, and the bits of bfloat16
_MOST_BYTES = 256 << 20  # of one film


def store_folder() -> Path:
    """Return where encoded films are kept."""
    return Path(platformdirs.user_cache_dir("lungbox", appauthor=False)) / "encoded"


class FeatureStore:
    """A folder of encoded films that never grows beyond a limit; those not used for longest go. 0 keeps nothing."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit_bytes = folder, limit_bytes

    @staticmethod
    def key(frame: NDArray[np.float32], *made_by: str) -> str:
        """Return the name of a frame's features."""
        digest = hashlib.blake2b(json.dumps([*made_by, frame.shape]).encode(), digest_size=_DIGEST)
        digest.update(np.ascontiguousarray(frame).view(np.uint8).data)
        return digest.hexdigest()

    def read(self, key: str) -> Features | None:
        """Return the features of that name; None where there are none, or they were damaged, and then they go."""
        if self._limit_bytes <= 0:
            return None
        path = self._folder / key
        try:
            data = read_file(path, _MOST_BYTES)
        except FilmError:
            return None
        try:
            features = _unpacked(data)
        except (ValueError, TypeError, KeyError, struct.error) as error:
            _log.info("an encoded film was damaged and is made again: %s", type(error).__name__)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return features

    def write(self, key: str, features: Features) -> None:
        """Keep features, and let go of old ones. A cache that cannot be written is no fault."""
        data = _packed(features)
        if len(data) > min(self._limit_bytes, _MOST_BYTES):
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.make_room(len(data))
            write_atomically(self._folder / key, data)
        except (OSError, OutputError) as error:
            _log.info("an encoded film is not kept: %s", type(error).__name__)

    def make_room(self, coming_bytes: int = 0) -> None:
        """Let go of what is too much, now or with what is coming; what was kept under another limit goes as well."""
        kept = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # another window lets go of old ones, too
                    status = path.stat()
                    kept.append((status.st_mtime_ns, status.st_size, path))
        total = coming_bytes + sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._limit_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total -= size


def _packed(features: Features) -> bytes:
    kinds = json.dumps([(array.dtype.str, array.shape) for array in features]).encode()
    body = b"".join([_LENGTH.pack(len(kinds)), kinds, *(np.ascontiguousarray(array).tobytes() for array in features)])
    return hashlib.blake2b(body, digest_size=_DIGEST).digest() + body


def _unpacked(data: bytes) -> Features:
    """Return the features; ValueError and the like for anything but what `_packed` wrote."""
    view = memoryview(data)
    digest, body = bytes(view[:_DIGEST]), view[_DIGEST:]
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != digest:
        raise ValueError("damaged")
    (length,) = _LENGTH.unpack(body[: _LENGTH.size])
    at = _LENGTH.size + length
    features = []
    for kind, shape in json.loads(bytes(body[_LENGTH.size : at])):
        if kind not in _TYPES:
            raise ValueError(kind)
        array = np.frombuffer(body, dtype=kind, count=math.prod(shape), offset=at).reshape(shape)
        features.append(array)
        at += array.nbytes
    return tuple(features)
