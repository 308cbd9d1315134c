"""Adapters: each knows how one data set lies on disk as it is downloaded, and nothing else.

An adapter is a module with `SOURCE`, `recognises(folder)` and `records(folder)`. Masks are not converted: a record
names the files as they came, and `training.truth` reads them.
"""

from pathlib import Path
from typing import Protocol

from training.manifest import DataError, FilmRecord, unique
from training.sources import (
    covid_qu_ex,
    covid_radiography,
    jsrt,
    montgomery,
    own,
    pictures,
    qata_cov19,
    shared,
    shenzhen,
    siim_pneumothorax,
    v7_darwin,
)


class Adapter(Protocol):
    """What every module of this package offers."""

    SOURCE: str

    def recognises(self, folder: Path) -> bool:
        """Return whether the folder is laid out as this data set is."""
        ...

    def records(self, folder: Path) -> list[FilmRecord]:
        """Return the films, in the order of their ids."""
        ...


ADAPTERS: tuple[Adapter, ...] = (
    shared,  # whose manifest says less than ours, and its adapter the rest
    own,
    jsrt,
    montgomery,
    shenzhen,
    qata_cov19,
    covid_qu_ex,
    covid_radiography,
    siim_pneumothorax,
    v7_darwin,
    pictures,  # last: several of the others have a folder of that name
)


def records_in(folder: Path) -> list[FilmRecord]:
    """Return the films of a folder, whichever data set it is."""
    if not folder.is_dir():
        raise DataError(f"{folder.name} is not a folder.", advice="Give the one that the data set was unpacked into.")
    for adapter in ADAPTERS:
        if adapter.recognises(folder):
            found = adapter.records(folder)
            if not found:
                raise DataError(f"{folder.name} is laid out like {adapter.SOURCE}, but holds no films.")
            return unique(found)
    raise DataError(
        f"{folder.name} is not laid out like any data set that we know.",
        advice="Put the films into images/ and their masks, by the same names, into masks/; or write a manifest.csv "
        f"with the columns image, mask, convention. Known besides: {', '.join(one.SOURCE for one in ADAPTERS[2:-1])}.",
    )
