"""Reading what may be anything, and writing whole or not at all."""

import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import FilmError, FilmTooLargeError, NotAFilmError, OutputError
from engine.files import (
    PART_PREFIX,
    PART_SUFFIX,
    read_file,
    replacing,
    sha256,
    sha256_aside,
    sweep_stale,
    write_atomically,
    write_result,
)

OLD, NEW = b"old" * 1000, b"new" * 50_000
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def parts(folder: Path) -> list[Path]:
    return list(folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"))


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(NEW)
    assert read_file(tmp_path / "film", len(NEW)) == NEW


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"")
    assert read_file(tmp_path / "film", 10) == b""


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "film").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FilmTooLargeError, match="film is larger than 1 MB"):
        read_file(tmp_path / "film", 1 << 20)


@posix
def test_a_file_that_hides_its_size_is_read_to_the_limit_only() -> None:
    endless = Path("/proc/self/environ")
    if not endless.exists():
        pytest.skip("no /proc here")
    assert endless.stat().st_size == 0
    assert read_file(endless, 1 << 20)
    with pytest.raises(FilmTooLargeError):
        read_file(endless, 3)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAFilmError, match="is a folder"):
        read_file(tmp_path, 10)


@posix
@pytest.mark.timeout(10)
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAFilmError, match="is a pipe"):
        read_file(tmp_path / "pipe", 10)


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(NotAFilmError, match="is a device"):
        read_file(device, 10)


@posix
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's whole path has at most 108 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("film.sock")
        with pytest.raises(NotAFilmError, match="socket or a device"):
            read_file(tmp_path / "film.sock", 10)


@posix
def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(NotAFilmError, match="leads back to itself"):
        read_file(tmp_path / "a", 10)


@pytest.mark.parametrize(
    ("name", "complaint"), [("none", "does not exist"), ("a\0b", "not a file name"), ("x" * 400, "name is too long")]
)
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(FilmError, match=complaint):
        read_file(tmp_path / name, 10)


@posix
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "film").write_bytes(OLD)
    (tmp_path / "film").chmod(0)
    with pytest.raises(FilmError, match="may not be read"):
        read_file(tmp_path / "film", 1 << 20)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    before = len(list(descriptors.iterdir()))
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(FilmError):
            read_file(path, 10)
    assert len(list(descriptors.iterdir())) == before


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    write_atomically(tmp_path / "result", OLD)
    write_atomically(tmp_path / "result", NEW)
    assert (tmp_path / "result").read_bytes() == NEW
    assert parts(tmp_path) == []


@posix
def test_a_new_file_is_the_owners_alone_and_an_old_one_keeps_its_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "result", OLD)
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o600
    (tmp_path / "result").chmod(0o640)
    write_atomically(tmp_path / "result", NEW)
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o640


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_says_who_may_read_a_result(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_result(tmp_path / "result", OLD)
    finally:
        os.umask(before)
    assert (tmp_path / "result").stat().st_mode & 0o777 == mode
    (tmp_path / "result").chmod(0o604)
    write_result(tmp_path / "result", NEW)
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o604


def test_a_failure_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "result").write_bytes(OLD)

    def half_a_save() -> None:
        with replacing(tmp_path / "result") as file:
            file.write(NEW[:100])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_a_save()
    assert (tmp_path / "result").read_bytes() == OLD
    assert parts(tmp_path) == []


@pytest.mark.parametrize("step", ["open", "fchmod", "fsync", "replace"])
@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
def test_a_fault_at_any_step_before_the_rename_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fault: int
) -> None:
    (tmp_path / "result").write_bytes(OLD)

    def broken(*_: object, **__: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(f"os.{step}", broken)
    with pytest.raises(OutputError, match="result could not be written") as caught:
        write_atomically(tmp_path / "result", NEW)
    assert caught.value.advice
    assert (tmp_path / "result").read_bytes() == OLD
    assert parts(tmp_path) == []


@posix
def test_a_fault_after_the_rename_is_told_and_leaves_the_new_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "result").write_bytes(OLD)
    calls: list[int] = []
    real = os.fsync

    def second_fails(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr("os.fsync", second_fails)
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "result", NEW)
    assert (tmp_path / "result").read_bytes() == NEW
    assert parts(tmp_path) == []


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from engine.errors import OutputError
from engine.files import write_atomically
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
old = path.read_bytes()
for limit in range(0, 160_000, 8_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_atomically(path, b"new" * 50_000)
    except OutputError as error:
        assert "the disk is full" in str(error), error
        assert path.read_bytes() == old
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    else:
        assert limit >= 150_000, limit
"""


@posix
def test_a_disk_that_fills_up_at_any_byte_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "result").write_bytes(OLD)
    done = run_python(_FULL_DISK, tmp_path / "result")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result").read_bytes() == NEW


_SMALL_DISK = """
import sys
from pathlib import Path
from engine.errors import OutputError
from engine.files import write_atomically
path = Path(sys.argv[1])
write_atomically(path, b"old" * 1000)
try:
    write_atomically(path, bytes(2 << 20))
except OutputError as error:
    print(error.message, path.read_bytes() == b"old" * 1000, len(list(path.parent.iterdir())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs mount namespaces")
def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    own_disk = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"']
    if shutil.which("unshare") is None or subprocess.run([*own_disk, tmp_path, "true"], check=False).returncode:
        pytest.skip("this system lets us mount no disk of our own")
    done = subprocess.run(
        [*own_disk, tmp_path, *_python(_SMALL_DISK, tmp_path / "result")],
        cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("result could not be written: the disk is full. True 1\n", "")


@pytest.mark.parametrize(
    ("name", "complaint"), [("none/result", "its folder does not exist"), ("x" * 300, "the name is too long")]
)
def test_a_place_that_cannot_be_written_says_why(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(OutputError, match=complaint):
        write_atomically(tmp_path / name, NEW)


def test_a_folder_of_that_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "result").mkdir()
    with pytest.raises(OutputError, match="a folder has that name"):
        write_atomically(tmp_path / "result", NEW)
    assert (tmp_path / "result").is_dir()
    assert parts(tmp_path) == []


_SAVE_FOR_EVER = """
import itertools, sys
from engine.files import write_atomically
print("ready", flush=True)
for number in itertools.count():
    write_atomically(sys.argv[1], bytes([number % 256]) * 300_000)
"""


@posix
def test_a_save_killed_at_any_moment_leaves_a_whole_file_and_parts_that_are_swept(tmp_path: Path) -> None:
    delays = random.Random(7)
    for _ in range(6):
        writer = start_python(_SAVE_FOR_EVER, tmp_path / "result")
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delays.uniform(0.0, 0.05))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        if (tmp_path / "result").exists():
            saved = (tmp_path / "result").read_bytes()
            assert len(saved) == 300_000
            assert len(set(saved)) == 1
    left = len(parts(tmp_path))
    assert sweep_stale(tmp_path, older_than_s=0.0) == left
    assert parts(tmp_path) == []


def test_only_our_own_old_parts_are_swept(tmp_path: Path) -> None:
    old, young = tmp_path / f"{PART_PREFIX}old{PART_SUFFIX}", tmp_path / f"{PART_PREFIX}young{PART_SUFFIX}"
    for path in (old, young, tmp_path / "report.part", tmp_path / ".lungbox-settings"):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert sweep_stale(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, "report.part", ".lungbox-settings"])


def test_sweeping_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    assert sweep_stale(tmp_path / "none") == 0


def test_the_hash_is_sha_256() -> None:
    # FIPS 180-4, the example of one block.
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_was_hashed_aside_is_not_held() -> None:
    data = bytearray(b"abc").ljust(100)  # an object of this test's alone
    before = sys.getrefcount(data)
    asked = sha256_aside(data)
    assert asked() == sha256(data)
    assert sys.getrefcount(data) == before


def _python(code: str, argument: Path) -> list[str]:
    return [sys.executable, "-c", code, str(argument)]


_ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, argument: Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(_python(code, argument), cwd=_ROOT, capture_output=True, timeout=60, check=False)


def start_python(code: str, argument: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(_python(code, argument), cwd=_ROOT, stdout=subprocess.PIPE)
