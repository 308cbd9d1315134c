"""Documents that name tests, files or components name real ones."""

import ast
import contextlib
import json
import re
import sys
import tomllib
from dataclasses import fields
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from engine.measure.values import ORIGIN_TEXTS, calibration_text

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8"))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or (name and name not in functions_of(ROOT / file))
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def rows(page: str) -> list[list[str]]:
    """Return the cells of a page's tables, headings left out."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] not in {"id", "component"}]


@pytest.mark.parametrize("page", ["hazards.md", "trace.md"])
def test_every_hazard_and_requirement_has_a_number_of_its_own_and_a_test(page: str) -> None:
    found = rows(page)
    assert [row[0][1:] for row in found] == [str(number) for number in range(1, len(found) + 1)]
    assert [row[0] for row in found if "`tests/" not in "|".join(row)] == []


def test_everything_we_build_upon_is_listed() -> None:
    components = tomllib.loads((ROOT / "packaging" / "components.toml").read_text(encoding="utf-8"))["component"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["torch"]]
    names = {re.split(r"[<>=~! ]", line)[0].lower().replace("-", "_") for line in needed}
    listed = {row[0].lower().replace("-", "_") for row in rows("soup.md")}
    assert names - listed == set()
    assert {name.lower().replace("-", "_") for name in components} - listed == set()


def test_the_page_for_it_has_every_setting_that_a_policy_may_hold_with_its_default() -> None:
    from app.policy import _checked
    from app.settings import Settings

    table = {row[0].strip("`"): row for row in rows("it.md") if re.fullmatch(r"`[a-z_]+`", row[0])}
    allowed = set()
    for item in fields(Settings):
        with contextlib.suppress(KeyError):
            _checked(item.name, item.default)
            allowed.add(item.name)
    assert table.keys() == allowed
    for name, (_, _, said, *_) in table.items():
        default = getattr(Settings(), name)
        if default != "":  # those are said in words
            assert said.strip("`") == json.dumps(default).removesuffix(".0"), name


def test_the_policy_in_the_page_for_it_is_one(tmp_path: Path) -> None:
    from app.policy import load_policy

    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "it.md").read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    found = load_policy(path)
    assert found.faults == ()
    assert found.locked["embeddings_disk_mb"] == 0
    assert found.default["language"] == "de"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the places are Linux's")
def test_the_places_in_the_page_for_it_are_those_that_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.policy import policy_path
    from app.settings import folder, settings_path
    from engine.models import models_folder
    from engine.network.feature_store import store_folder
    from engine.network.openvino_backend import cache_folder
    from engine.selftest import record_path

    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    text = (ROOT / "docs" / "it.md").read_text(encoding="utf-8").replace("~/", "/home/someone/")
    assert f"`{settings_path()}`" in text
    assert f"`{policy_path()}`" in text
    assert f"`{folder('log')}/lungbox.log`" in text
    assert {models_folder().parent, record_path().parent, folder("data")} == {
        Path("/home/someone/.local/share/lungbox")
    }
    assert f"`{folder('data')}/`" in text
    assert {store_folder().parent, cache_folder().parent} == {folder("cache")}
    assert f"`{folder('cache')}/`" in text


def column_of(page: str, column: int) -> set[str]:
    """Return what a column of a page's first table says; several things in one cell are parted by semicolons."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    table = takewhile(lambda line: line.startswith("|"), lines[first + 1 :])
    return {cell.strip() for line in table for cell in line.split("|")[column].split(";")}


def test_the_pages_on_millimetres_call_their_origins_as_the_screen_does() -> None:
    shown = {*ORIGIN_TEXTS.values(), calibration_text(None)}
    assert column_of("spacing.md", 3) == shown
    assert column_of("measurements.md", 1) == shown
