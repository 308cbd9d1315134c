"""Films that come to harm: copies of real ones that are deleted, cut and overwritten while they are read; bad files."""

import random
import shutil
from pathlib import Path

from app.films import films_in


class Films:
    """Copies of real films that may be harmed, damaged ones, and what the monkey has written."""

    def __init__(self, folders: list[Path], home: Path, seed: int, count: int) -> None:
        chance = random.Random(seed)
        self.folder, self.out, bad = home / "films", home / "out", home / "bad"
        for place in (self.folder, self.out, bad):
            place.mkdir()
        self._sources: dict[Path, Path] = {}
        for folder in folders:
            # Truth masks lie beside some sets' films; they are pictures too, but nobody opens them by the dozen.
            found = [path for path in films_in([folder]) if not path.name.endswith(".mask.png")]
            for source in chance.sample(found, min(count, len(found))):
                copy = self.folder / f"{len(self._sources)}{source.suffix}"
                shutil.copyfile(source, copy)
                self._sources[copy] = source
        self.good = list(self._sources)
        self.bad = [*_damaged(self.good, bad, chance), bad / "missing.dcm"]

    def to_open(self) -> list[Path]:
        """Return what can be chosen: films, bad files, a folder, saved cases and results."""
        written = [*self.out.glob("*.lungbox"), *self.out.glob("**/results.json"), *self.out.glob("**/*.seg.dcm")]
        return [*self.good, *self.bad, *self.bad, self.folder, *sorted(written)[:20]]

    def disturb(self, kind: str, chance: random.Random) -> None:
        """Do to a film what happens to files."""
        film = chance.choice(self.good)
        if kind == "delete":
            film.unlink(missing_ok=True)
        elif kind == "cut" and film.exists():
            with film.open("r+b") as handle:
                handle.truncate(film.stat().st_size // 2)
        elif kind == "swap":
            shutil.copyfile(self._sources[chance.choice(self.good)], film)
        elif kind == "restore":
            for copy, source in self._sources.items():
                shutil.copyfile(source, copy)


def _damaged(films: list[Path], folder: Path, chance: random.Random) -> list[Path]:
    """Write cut and flipped copies of the films."""
    made = []
    for number, film in enumerate(films):
        data = bytearray(film.read_bytes())
        if number % 2:
            data = data[: chance.randrange(len(data))]
        else:
            for _ in range(40):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path = folder / f"damaged-{number}{film.suffix}"
        path.write_bytes(bytes(data))
        made.append(path)
    for name, content in (("empty.dcm", b""), ("text.png", b"no picture"), ("case.lungbox", b'{"format": 1}')):
        (folder / name).write_bytes(content)
        made.append(folder / name)
    return made
