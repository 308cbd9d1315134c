"""Every sentence can be said in every language that we offer."""

import importlib.util
import string
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.wording import LANGUAGES, SentenceFile, error_title, say, tool_tip, translation_path
from engine import errors

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    specification = importlib.util.spec_from_file_location("translations", ROOT / "packaging" / "translations.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_visible_sentence_is_translated(tool: ModuleType, language: str) -> None:
    said = tool.translations(translation_path(language))
    wanted = tool.visible_sentences()
    assert len(wanted) > 300
    assert [sentence for sentence in wanted if not said.get(sentence)] == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_translations_fill_in_the_same_values(tool: ModuleType, language: str) -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for (_, source), text in tool.translations(translation_path(language)).items():
        assert fields(source) == fields(text), source


def test_the_window_speaks_the_language_that_is_installed(qtbot: QtBot, qapp: QApplication) -> None:
    sentences = SentenceFile(translation_path("de"), qapp)
    qapp.installTranslator(sentences)
    try:
        assert say("Right lung") == "Rechte Lunge"
        assert QCoreApplication.translate("Commands", "Undo") == "Rückgängig"
        assert say("a sentence nobody has translated") == "a sentence nobody has translated"
    finally:
        qapp.removeTranslator(sentences)
    assert say("Right lung") == "Right lung"


def test_every_kind_of_error_has_a_sentence() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FilmError)]
    assert len(kinds) >= 5
    for kind in set(kinds) - {errors.FilmError}:
        assert error_title(kind("x")) != error_title(errors.LungboxError("x"))


def test_tool_tips_show_markup_as_it_is() -> None:
    assert "<img" not in tool_tip('<img src="file:///x">')
    assert tool_tip("plain") == "plain"


def test_nothing_is_imported_that_the_window_must_not_wait_for() -> None:
    import subprocess

    code = "import sys, app.__main__; print([m for m in ('torch', 'highdicom', 'training') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
