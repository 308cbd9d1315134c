"""The report's language: sentences, dates and numbers of the page that people file. All other files have none."""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "de")
_DATES = {"en": "%Y-%m-%d", "de": "%d.%m.%Y"}
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


@dataclass(frozen=True, slots=True)
class Words:
    """One language. English is what the code says; others are in resources/i18n/report.LANGUAGE.toml."""

    language: str = "en"

    def __call__(self, text: str) -> str:
        """Return a sentence in the language; as it is, where nobody has translated it."""
        return _sentences(self.language).get(text, text)

    def number(self, text: str) -> str:
        """Return a rounded number as the language writes it."""
        return _POINT.sub(",", text) if self.language == "de" else text

    def date(self, stored: str) -> str:
        """Return a DICOM date as people write it; as it is, where it is none."""
        try:
            return datetime.strptime(stored, "%Y%m%d").strftime(_DATES[self.language])
        except ValueError:
            return stored

    def moment(self, moment: datetime) -> str:
        """Return day and minute."""
        return moment.strftime(f"{_DATES[self.language]} %H:%M")


@cache
def _sentences(language: str) -> "Mapping[str, str]":
    if language == "en":
        return MappingProxyType({})
    return MappingProxyType(tomllib.loads(resources.path(f"i18n/report.{language}.toml").read_text(encoding="utf-8")))
