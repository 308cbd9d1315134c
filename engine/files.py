"""Reading files that may be anything, and writing files whole or not at all."""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from engine.errors import FilmError, FilmTooLargeError, NotAFilmError, OutputError

# Names of half-written files, so that what a killed process left behind is known for ours and can be swept.
PART_PREFIX = ".lungbox-"
PART_SUFFIX = ".part"
# Results are for others to take (an archive's importer, a colleague), so who may read them is for the folder and the
# umask to say. Journals and caches, which nobody else has business with, are their owner's alone.
SHARED, _OWN = 0o666, 0o600
_STALE_AFTER_S = 3600.0  # no save takes an hour: an older part belongs to nobody

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def sha256(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_aside(data: bytes | bytearray) -> Callable[[], str]:
    """Return a call that gives the SHA-256 of some bytes, which is being worked out in a thread meanwhile."""
    found: list[str] = []
    held = [data]  # until it is hashed: a film's bytes must not stay as long as its pixels do

    def work() -> None:
        found.append(sha256(held[0]))
        held.clear()

    thread = threading.Thread(target=work, name="sha256", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no room for another thread's stack
        return lambda: sha256(held[0])

    def result() -> str:
        thread.join()
        return found[0] if found else sha256(held[0])

    return result


def read_file(path: Path | str, limit_bytes: int) -> bytes:
    """Return the bytes of a regular file of at most `limit_bytes`; never waits on a pipe or a device.

    Raises NotAFilmError for what is no regular file, FilmTooLargeError above the limit, and FilmError where the
    system refuses.
    """
    path = Path(path)
    with _regular(path) as (file, size):
        return _read_at_most(file, path, size, limit_bytes)


def read_head(path: Path | str, count: int) -> bytes:
    """Return the first bytes of a regular file, at most `count`; refuses what `read_file` refuses."""
    path = Path(path)
    with _regular(path) as (file, _):
        return file.read(count)


@contextlib.contextmanager
def _regular(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Yield a regular file and the size that the system states."""
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever before we could ask what it is.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except ValueError as error:  # a NUL in the name
        raise NotAFilmError(f"{path.name!r} is not a file name.", advice="Choose a file.") from error
    except OSError as error:
        raise _cannot_read(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
            raise NotAFilmError(f"{path.name} is {kind}, not a file.", advice="Choose a single image file.")
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            yield file, status.st_size
    except OSError as error:
        raise _cannot_read(path, error) from error
    finally:
        os.close(descriptor)


def _read_at_most(file: IO[bytes], path: Path, expected: int, limit_bytes: int) -> bytes:
    """Return the whole file; what the system says of its size is a hint, the limit is not."""
    if expected > limit_bytes:
        raise _too_large(path, limit_bytes)
    data = file.read(expected + 1)  # one more than there should be: usually the whole file in one call
    parts = [data]
    total = len(data)
    while data:
        if total > limit_bytes:
            raise _too_large(path, limit_bytes)
        data = file.read(1 << 20)
        parts.append(data)
        total += len(data)
    return parts[0] if len(parts) == 2 else b"".join(parts)


def _too_large(path: Path, limit_bytes: int) -> FilmTooLargeError:
    return FilmTooLargeError(
        f"{path.name} is larger than {limit_bytes / 2**20:.0f} MB.", advice="Export the single film from its archive."
    )


def _cannot_read(path: Path, error: OSError) -> FilmError:  # noqa: PLR0911 (one case, one answer)
    """Return our error for the system's."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return FilmError(f"{path.name} does not exist.", advice="Check the name and the folder.")
        case errno.ELOOP:
            return NotAFilmError(f"{path.name} is a link that leads back to itself.", advice="Choose the file itself.")
        case errno.EACCES | errno.EPERM if path.is_dir():  # what Windows says of a folder
            return NotAFilmError(f"{path.name} is a folder, not a file.", advice="Choose a single image file.")
        case errno.EACCES | errno.EPERM:
            return FilmError(f"{path.name} may not be read.", advice="Ask for permission to read it, or copy it.")
        case errno.ENXIO | errno.ENODEV:
            return NotAFilmError(f"{path.name} is a socket or a device, not a file.", advice="Choose a file.")
        case errno.ENAMETOOLONG:
            return FilmError("The file's name is too long for this system.", advice="Rename or move the file.")
    return FilmError(f"{path.name} cannot be read: {error.strerror}.", advice="Copy it to a local disk and try again.")


def replacing(path: Path | str) -> contextlib.AbstractContextManager[IO[bytes]]:
    """Yield a file that takes `path`'s place when the block ends well; any failure leaves the old file untouched.

    The bytes go to a part in the same folder, reach the disk (fsync), and are renamed over the old file, so that a
    crash at any moment leaves the old file or the new one, whole. OutputError where the system refuses. The old file's
    permissions stay; where there was none, the new one is the owner's alone, as it may name a patient.
    """
    return _replacing(Path(path), _OWN)


@contextlib.contextmanager
def _replacing(path: Path, mode: int) -> Iterator[IO[bytes]]:
    part: Path | None = None
    try:
        unfinished = unfinished_in(path.parent)
        descriptor = create(unfinished, mode)
        part = unfinished
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            _copy_permissions(path, file.fileno())
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105 (fault injection in tests replaces os.replace)
        part = None
        sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink()


def write_atomically(path: Path | str, data: bytes | bytearray | memoryview) -> None:
    """Write `data` to `path`, whole or not at all (see `replacing`)."""
    with replacing(path) as file:
        file.write(data)


def write_result(path: Path | str, data: bytes | bytearray | memoryview) -> None:
    """Write what others are to take, whole or not at all: who may read a new file is for the umask to say."""
    with _replacing(Path(path), SHARED) as file:
        file.write(data)


def unfinished_in(folder: Path) -> Path:
    """Return a name, not taken so far as anybody can guess, for what is not whole yet."""
    return folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"


def create(path: Path, mode: int) -> int:
    """Open a file that was not there to be written; OSError where it was."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, flags, mode)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; OutputError where the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path} cannot be made: {(error.strerror or 'the system refused').lower()}.",
            advice="Choose another folder.",
        ) from error


def _copy_permissions(path: Path, descriptor: int) -> None:
    """Give the new file the old one's permissions, where there is an old one."""
    if not hasattr(os, "fchmod"):
        return
    with contextlib.suppress(FileNotFoundError):
        os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))


def sync_folder(folder: Path) -> None:
    """Make the rename itself reach the disk, where a folder can be opened (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; the new file is in place and whole all the same.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    """Return our error for the system's."""
    advice = "Choose another folder."
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            reason, advice = "the disk is full", "Free some space, or choose another folder."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            reason = "the folder may not be written to"
        case errno.ENOENT | errno.ENOTDIR:
            reason = "its folder does not exist"
        case errno.EISDIR | errno.EEXIST | errno.ENOTEMPTY:
            reason, advice = "a folder has that name", "Choose another name."
        case errno.ENAMETOOLONG:
            reason, advice = "the name is too long", "Choose a shorter name."
        case _:
            reason = (error.strerror or "the system refused").lower()
    return OutputError(f"{path.name} could not be written: {reason}.", advice=advice)


def sweep_stale(folder: Path | str, older_than_s: float = _STALE_AFTER_S) -> int:
    """Remove the parts that a killed process left in `folder`; return how many. Younger ones may be in use."""
    swept = 0
    now = time.time()
    with contextlib.suppress(OSError):
        for part in Path(folder).glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
            with contextlib.suppress(OSError):
                if now - part.lstat().st_mtime >= older_than_s:
                    part.unlink()
                    swept += 1
    return swept
