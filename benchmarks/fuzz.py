"""Feed damaged films to read_radiograph and count what must never happen; prints one JSON line.

    python -m benchmarks.fuzz --count 10000 --seed 1

Every mutant follows from (seed, number): `--only 4711` reads one again, in this process. A forked worker reads them; it
is watched from outside, so that a crash or a hang is counted and not suffered. The bar: all zeros.

hand_made           files of tests/hostile.py tried first, all of which must be refused
hand_made_read      of these, read all the same
tried               mutants read
refused             of these, answered with an error of ours
crashes             the reading process died (the decoder's child may: that is what it is for)
hangs               no answer within 15 s
over_memory         the process or its decoder grew by more than 1 GB
foreign_exceptions  any exception outside engine.errors
silent_wrong        a film cut short that was read as another picture; a PNG read in spite of a wrong checksum; a
                    compressed film whose lower quarter had come out blank
"""

import argparse
import json
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from benchmarks.films import Film, films
from engine.errors import LungboxError
from engine.film import decoder
from engine.film.radiograph import Radiograph
from engine.film.reading import read_radiograph
from tests.hostile import REFUSED

HANG_S = 15.0
MEMORY_BYTES = 1 << 30
_KILL_AFTER_S = 30.0
_BIG = 200_000  # bytes: films above are real ones, slow to read, and come up less often
_NUMBERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)

Mutation = Callable[[np.random.Generator, bytearray, list[Film]], None]


def _place(rng: np.random.Generator, data: bytearray) -> int:
    """Return an offset: half of the time in the first two kilobytes, where headers are."""
    size = max(1, len(data))
    return int(rng.integers(min(size, 2048) if rng.random() < 0.5 else size))


def _flip(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    for _number in range(int(rng.integers(1, 9))):
        data[_place(rng, data) % len(data)] ^= 1 << int(rng.integers(8))


def _overwrite(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data)
    noise = rng.integers(0, 256, int(rng.integers(1, 33)), dtype=np.uint8).tobytes()
    data[start : start + len(noise)] = noise


def _number(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data) & ~1
    value, size = int(rng.choice(_NUMBERS)), int(rng.choice((2, 4)))
    order = "<" if rng.random() < 0.5 else ">"
    packed = struct.pack(f"{order}L", value) if size == 4 else struct.pack(f"{order}H", value & 0xFFFF)
    data[start : start + size] = packed[: len(data) - start]


def _remove(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data)
    del data[start : start + int(rng.integers(1, 257))]


def _insert(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data)
    data[start:start] = rng.integers(0, 256, int(rng.integers(1, 257)), dtype=np.uint8).tobytes()


def _repeat(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data)
    data[start:start] = bytes(data[start : start + int(rng.integers(1, 513))]) * int(rng.integers(1, 5))


def _blank(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    start = _place(rng, data)
    stop = min(len(data), start + int(rng.integers(1, 129)))
    data[start:stop] = bytes([int(rng.choice((0, 0xFF)))]) * (stop - start)


def _splice(rng: np.random.Generator, data: bytearray, others: list[Film]) -> None:
    other = others[int(rng.integers(len(others)))].data
    start, origin = _place(rng, data), int(rng.integers(len(other)))
    part = other[origin : origin + int(rng.integers(1, 1025))]
    data[start : start + len(part)] = part


def _cut(rng: np.random.Generator, data: bytearray, _: list[Film]) -> None:
    del data[int(rng.integers(len(data))) :]


_MUTATIONS: tuple[Mutation, ...] = (_flip, _overwrite, _number, _remove, _insert, _repeat, _blank, _splice, _cut)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged film, and what was done to it."""

    film: Film
    data: bytes
    mutations: tuple[str, ...]
    checksums_mended: bool


def mutant(number: int, seed: int, corpus: list[Film]) -> Mutant:
    """Return mutant `number` of a seed, the same every time."""
    rng = np.random.default_rng((seed, number))
    weights = np.array([1.0 if len(film.data) < _BIG else 0.15 for film in corpus])
    film = corpus[int(rng.choice(len(corpus), p=weights / weights.sum()))]
    data = bytearray(film.data)
    names = []
    for _ in range(int(rng.choice((1, 1, 1, 2, 3)))):
        mutation = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
        if data:
            mutation(rng, data, corpus)
        names.append(mutation.__name__.lstrip("_"))
    mended = film.kind == "PNG" and rng.random() < 0.7
    return Mutant(film, _with_checksums(data) if mended else bytes(data), tuple(names), mended)


def _with_checksums(data: bytearray) -> bytes:
    """Return a PNG whose chunks have the checksums of what they now hold, so that damage gets past them."""
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">L", data, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(data)


def silently_wrong(mutant: Mutant, radiograph: Radiograph) -> bool:
    """Return whether a film was read that should have been refused, as far as the mutation tells."""
    original, read = mutant.film.stored, radiograph.stored
    same = original.shape == read.shape and bool((original == read).all())
    if same:
        return False
    if mutant.mutations == ("cut",):
        return True
    if mutant.film.kind == "PNG" and not mutant.checksums_mended:
        return True
    if mutant.film.coding == "none":
        return False
    tail, before = read[-(-3 * read.shape[0] // 4) :], original[-(-3 * original.shape[0] // 4) :]
    if mutant.film.coding == "dct" and int(tail.flat[0]) in {0, (1 << radiograph.bits_stored) - 1}:
        # Damage that happens to be codes, to the last bit, is a picture like any other; its greys drift out of range.
        return False
    return bool((tail == tail.flat[0]).all()) and not bool((before == before.flat[0]).all())


def attempt(mutant: Mutant, folder: Path) -> str:
    """Return what reading a mutant came to: "read", "refused", "silent_wrong", "over_memory" or an exception's name."""
    path = folder / f"film-{os.getpid()}.bin"
    path.write_bytes(mutant.data)
    try:
        radiograph = read_radiograph(path)
    except LungboxError:
        return "refused"
    except Exception as error:  # noqa: BLE001 (what escapes is what we count)
        return f"foreign {type(error).__name__}: {error}"[:300]
    return "silent_wrong" if silently_wrong(mutant, radiograph) else "read"


def hand_made(folder: Path) -> tuple[int, list[str]]:
    """Return how many hostile files there are, and which of them were not refused; each is tried in this process."""
    tried, let_in = 0, []
    path = folder / "film.dat"
    for group in REFUSED.values():
        for name, data in group():
            tried += 1
            path.write_bytes(data)
            try:
                read_radiograph(path)
            except LungboxError:
                continue
            let_in.append(name)
    return tried, let_in


def _peak_bytes() -> int:
    """Return the most memory that this process or its decoder ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    child = decoder.kept_pid()
    if child is not None:
        try:
            for line in Path(f"/proc/{child}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
        except OSError:
            pass  # it died of the film, as it may
    return peak


def _work(numbers: range, seed: int, corpus: list[Film], folder: Path, answers: Connection) -> None:
    """Read mutants and say what became of each, in a process of its own."""
    before = _peak_bytes()
    for number in numbers:
        answers.send((number, "started"))
        outcome = attempt(mutant(number, seed, corpus), folder)
        if _peak_bytes() - before > MEMORY_BYTES:
            answers.send((number, "over_memory"))
            break  # a peak never falls: the next mutants need a fresh process
        answers.send((number, outcome))
    answers.close()


class Watch:
    """One worker, watched: restarted behind the mutant that killed it."""

    def __init__(self, numbers: range, seed: int, corpus: list[Film], folder: Path) -> None:
        self._numbers, self._seed, self._corpus, self._folder = numbers, seed, corpus, folder

    def run(self, report: Callable[[int, str, float], None]) -> None:
        """Read all mutants, and report the outcome and seconds of each."""
        following = self._numbers.start
        while following < self._numbers.stop:
            following = self._run_worker(range(following, self._numbers.stop), report)

    def _run_worker(self, numbers: range, report: Callable[[int, str, float], None]) -> int:
        context = get_context("fork")
        answers, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(numbers, self._seed, self._corpus, self._folder, theirs))
        worker.start()
        theirs.close()
        number, started = numbers.start, time.monotonic()
        try:
            while True:
                if not answers.poll(_KILL_AFTER_S):
                    report(number, "hang", time.monotonic() - started)
                    return number + 1
                try:
                    number, outcome = answers.recv()
                except EOFError:
                    worker.join()
                    if number + 1 >= numbers.stop and worker.exitcode == 0:
                        return numbers.stop
                    if worker.exitcode != 0:
                        report(number, f"crash {worker.exitcode}", time.monotonic() - started)
                    return number + 1
                if outcome == "started":
                    started = time.monotonic()
                    continue
                seconds = time.monotonic() - started
                report(number, "hang" if seconds > HANG_S else outcome, seconds)
        finally:
            _end(worker)
            answers.close()


def _end(worker: BaseProcess) -> None:
    if worker.is_alive() and worker.pid is not None:
        os.kill(worker.pid, signal.SIGKILL)
    worker.join()


def main() -> int:
    """Run the fuzzer; the exit status is 0 when nothing happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shared", type=Path, help="folder of real films to damage too (default: ../shared/data)")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that broke something")
    parser.add_argument("--only", type=int, help="read this one mutant, in this process")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lungbox-fuzz-") as name:
        folder = Path(name)
        corpus = films(arguments.shared or Path(__file__).resolve().parents[2] / "shared/data", folder)
        if arguments.only is not None:
            chosen = mutant(arguments.only, arguments.seed, corpus)
            print(chosen.film.name, chosen.mutations, attempt(chosen, folder))
            return 0
        made, let_in = hand_made(folder)
        counts: Counter[str] = Counter()
        faults: list[str] = []
        slowest = 0.0
        began = time.monotonic()

        def report(number: int, outcome: str, seconds: float) -> None:
            nonlocal slowest
            slowest = max(slowest, seconds)
            kind = outcome.split(maxsplit=1)[0]
            counts[kind] += 1
            if kind not in {"read", "refused"}:
                broken = mutant(number, arguments.seed, corpus)
                faults.append(f"{number} {broken.film.name} {'+'.join(broken.mutations)}: {outcome}")
                print(faults[-1], file=sys.stderr, flush=True)
                if arguments.keep is not None:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    (arguments.keep / f"{arguments.seed}-{number}.bin").write_bytes(broken.data)

        last = arguments.first + arguments.count
        Watch(range(arguments.first, last), arguments.seed, corpus, folder).run(report)
    line = {
        "benchmark": "fuzz",
        "hand_made": made,
        "hand_made_read": len(let_in),
        "tried": sum(counts.values()),
        "refused": counts["refused"],
        "read": counts["read"],
        "crashes": counts["crash"],
        "hangs": counts["hang"],
        "over_memory": counts["over_memory"],
        "foreign_exceptions": counts["foreign"],
        "silent_wrong": counts["silent_wrong"],
        "slowest_s": round(slowest, 2),
        "seconds": round(time.monotonic() - began, 1),
        "films": len(corpus),
        "seed": arguments.seed,
        "first": arguments.first,
    }
    print(json.dumps(line))
    return 1 if faults or let_in else 0


if __name__ == "__main__":
    raise SystemExit(main())
