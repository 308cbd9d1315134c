"""The child that decodes: quick when all is well, and gone without harm when it is not."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, LungboxError
from engine.film import decoder
from engine.film.decoder import DecoderProcess, Limits, decode_frame, prewarm
from engine.wire import read_header
from tests.codestreams import JPEG_2000_LOSSLESS, SYNTAXES, chest

ROOT = Path(__file__).resolve().parents[3]
WORKER = Path(__file__).with_name("awkward_worker.py")
QUICK = Limits(wall_s=20.0, cpu_s=20.0)
posix = pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")


@pytest.fixture
def awkward() -> Iterator[DecoderProcess]:
    """A child whose jobs crash, hang and lie on demand."""
    process = DecoderProcess([sys.executable, str(WORKER), str(ROOT)])
    yield process
    process.close()


def still_works(process: DecoderProcess) -> bool:
    reply = process.run("echo", b"film", {"a": 1}, QUICK)
    return reply.samples.tobytes() == b"film" and reply.facts == {"a": 1}


def test_one_child_serves_many_jobs(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    first = awkward.pid
    assert all(still_works(awkward) for _ in range(50))
    assert awkward.pid == first


def test_prewarming_starts_the_child_that_the_first_job_uses(awkward: DecoderProcess) -> None:
    pids = [awkward.pid]
    awkward.prewarm()
    first = awkward.pid
    assert pids == [None] != [first]
    assert still_works(awkward)
    assert awkward.pid == first


def test_the_programs_own_child_can_be_prewarmed() -> None:
    prewarm()
    assert decoder.kept_pid() is not None


@pytest.mark.parametrize(
    "job",
    ["crash", "exit", "segfault", "kill", "garbage", "nested header", "huge header", "wrong size", "not an array"],
)
def test_a_child_that_dies_or_lies_costs_one_job(awkward: DecoderProcess, job: str) -> None:
    assert still_works(awkward)
    before = awkward.pid
    with pytest.raises(FilmError) as caught:
        awkward.run(job, b"", {}, QUICK)
    assert caught.value.advice
    assert still_works(awkward)
    assert awkward.pid != before


@pytest.mark.parametrize(
    "job", ["raise Exception", "raise BaseException", "raise SystemExit", "raise KeyboardInterrupt"]
)
def test_whatever_a_decoder_raises_is_damage_and_spares_the_child(awkward: DecoderProcess, job: str) -> None:
    assert still_works(awkward)
    before = awkward.pid
    with pytest.raises(DamagedFilmError, match="could not be decoded"):
        awkward.run(job, b"", {}, QUICK)
    assert still_works(awkward)
    assert awkward.pid == before


def test_the_messages_of_a_decoder_do_not_reach_ours(awkward: DecoderProcess) -> None:
    with pytest.raises(DamagedFilmError) as caught:
        awkward.run("raise Exception", b"", {}, QUICK)
    assert "SENTINEL" not in str(caught.value)


def test_our_own_errors_cross_the_pipe_whole(awkward: DecoderProcess) -> None:
    with pytest.raises(FilmTooLargeError) as caught:
        awkward.run("raise ours", b"", {}, QUICK)
    assert (caught.value.message, caught.value.advice) == ("too large.", "Take less.")


def test_a_job_that_hangs_is_killed_when_its_time_is_up(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    began = time.monotonic()
    with pytest.raises(FilmTooLargeError, match="took longer than 1 s"):
        awkward.run("sleep", b"", {}, Limits(wall_s=0.7))
    assert time.monotonic() - began < 5.0
    assert still_works(awkward)


@posix
def test_a_job_that_loops_in_c_is_stopped_by_its_processor_time(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    with pytest.raises(FilmTooLargeError, match="processor time"):
        awkward.run("loop", b"", {}, Limits(wall_s=60.0, cpu_s=0.1))
    assert still_works(awkward)


@posix
def test_limits_hold_where_the_parent_blocks_and_ignores_their_signals(awkward: DecoderProcess) -> None:
    ignored = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXCPU, signal.SIGALRM})
    try:
        assert still_works(awkward)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGXCPU, ignored)
    with pytest.raises(FilmTooLargeError, match="processor time"):
        awkward.run("loop", b"", {}, Limits(wall_s=60.0, cpu_s=0.1))


@posix
def test_processor_time_is_granted_anew_to_every_job(awkward: DecoderProcess) -> None:
    for _ in range(4):
        awkward.run("work", b"", {"seconds": 0.5}, Limits(wall_s=60.0, cpu_s=1.0))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to RLIMIT_AS")
def test_a_job_that_takes_too_much_memory_is_refused_and_the_child_goes_on(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    before = awkward.pid
    with pytest.raises(FilmTooLargeError, match="memory"):
        awkward.run("allocate", b"", {"bytes": 1 << 30}, Limits(memory_bytes=200 << 20))
    assert awkward.run("allocate", b"", {"bytes": 100 << 20}, Limits(memory_bytes=200 << 20)).facts == {}
    assert awkward.pid == before


def test_a_job_that_closes_its_ears_is_killed_too(awkward: DecoderProcess) -> None:
    """The parent is stuck in writing, not in reading, when the child does not read."""
    assert still_works(awkward)
    awkward.run("deaf", b"", {}, QUICK)
    with pytest.raises(FilmTooLargeError, match="took longer"):
        awkward.run("echo", bytes(8 << 20), {}, Limits(wall_s=0.7))
    assert still_works(awkward)


def test_a_child_killed_between_two_jobs_is_replaced_unnoticed(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    assert awkward.pid is not None
    victim = awkward.pid
    os.kill(victim, 9)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{victim}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{victim}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)
    assert still_works(awkward)


def test_a_program_that_is_no_decoder_is_no_films_fault() -> None:
    process = DecoderProcess([sys.executable, "-c", "import no_such_module"])
    with pytest.raises(FilmError, match="could not be started") as caught:
        process.run("echo", b"", {}, QUICK)
    assert not isinstance(caught.value, DamagedFilmError)
    process.close()


def test_a_program_that_is_not_there_is_no_films_fault(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match="could not be started"):
        DecoderProcess([str(tmp_path / "none")]).run("echo", b"", {}, QUICK)


def test_threads_share_the_child_without_mixing_their_films(awkward: DecoderProcess) -> None:
    def echo(number: int) -> bool:
        payload = bytes([number]) * (1000 + number)
        return awkward.run("echo", payload, {"n": number}, QUICK).samples.tobytes() == payload

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(echo, range(100)))


def test_closing_from_another_thread_ends_a_job_under_way(awkward: DecoderProcess) -> None:
    assert still_works(awkward)
    threading.Timer(0.2, awkward.close).start()
    with pytest.raises(FilmError):
        awkward.run("sleep", b"", {}, QUICK)
    assert still_works(awkward)


def test_large_pictures_cross_the_pipe_unchanged(awkward: DecoderProcess) -> None:
    payload = np.arange(3_000_000, dtype=np.uint32).tobytes()
    assert awkward.run("echo", payload, {}, QUICK).samples.tobytes() == payload


def test_the_child_inherits_no_socket_and_no_file(awkward: DecoderProcess) -> None:
    kept, other = socket.socketpair()
    with kept, other:
        os.set_inheritable(kept.fileno(), True)
        facts = awkward.run("descriptors", b"", {}, QUICK).facts
    if not facts["known"]:
        pytest.skip("no /proc here")
    assert facts["sockets"] == 0
    assert facts["open"] <= 6  # three standard ones, two pipes, and the folder that lists them


def run_script(script: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = folder / "script.py"
    code.write_text(script)
    return subprocess.run(
        [sys.executable, "-W", "error", str(code), str(ROOT), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


_NO_GUARD = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
print("once")
from engine.film.decoder import decode_frame
film = decode_frame(Path(sys.argv[2]).read_bytes(), sys.argv[3], 70, 58, 16, 1)
print(film.shape, int(film.sum()))
"""


def test_a_script_without_a_main_guard_run_elsewhere_can_decode(tmp_path: Path) -> None:
    syntax, values = SYNTAXES[4], chest(16)
    (tmp_path / "film").write_bytes(syntax.encode(values, 16))
    (tmp_path / "numpy.py").write_text("raise SystemExit('a numpy.py beside the films was run')")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "imagecodecs").write_text("")
    done = run_script(_NO_GUARD, tmp_path / "script", "../film", syntax.uid)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["once", f"{values.shape} {values.sum()}"]


_ORPHAN = """
import os, sys
sys.path.append(sys.argv[1])
from engine.film import decoder
decoder.prewarm()
print(decoder.kept_pid(), flush=True)
os._exit(1)
"""


@posix
def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    child = int(run_script(_ORPHAN, tmp_path).stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            return  # nobody reaps orphans in some containers
        time.sleep(0.05)
    pytest.fail("the child outlived its parent")


_FORK = """
import os, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from engine.film import decoder
coded = Path(sys.argv[2]).read_bytes()
def decode():
    return int(decoder.decode_frame(coded, sys.argv[3], 70, 58, 16, 1).sum())
expected = decode()
ours = decoder.kept_pid()
child = os.fork()
if child == 0:
    good = all(decode() == expected for _ in range(20)) and decoder.kept_pid() != ours
    decoder._kept.close()
    os._exit(0 if good else 1)
good = all(decode() == expected for _ in range(20)) and decoder.kept_pid() == ours
print(good and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0)
"""


@posix
def test_a_forked_process_gets_a_child_of_its_own(tmp_path: Path) -> None:
    syntax = SYNTAXES[4]
    (tmp_path / "film").write_bytes(syntax.encode(chest(16), 16))
    done = run_script(_FORK, tmp_path, "film", syntax.uid)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_frame_over_the_limit_is_refused_unsent() -> None:
    with pytest.raises(FilmTooLargeError):
        decode_frame(b"", JPEG_2000_LOSSLESS, 60_000, 60_000, 16, 1)


@pytest.mark.parametrize("samples", [1, 1_000_000, 15_000_000, 67_000_000, 1 << 40])
def test_limits_leave_an_answer_within_15_seconds_and_a_gigabyte(samples: int) -> None:
    limits = Limits.of(samples)
    assert 10.0 <= limits.wall_s < 15.0
    assert 2.0 <= limits.cpu_s < 15.0
    assert limits.memory_bytes <= 1 << 30


def test_errors_of_a_kind_we_do_not_know_are_errors_of_ours(awkward: DecoderProcess) -> None:
    with pytest.raises(LungboxError):
        awkward.run("no such job", b"", {}, QUICK)


def test_a_header_longer_than_it_says_is_not_waited_for() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, struct.pack(">IQ", 1 << 30, 0))
    os.close(write_end)
    with pytest.raises(EOFError):
        read_header(read_end)
    os.close(read_end)
