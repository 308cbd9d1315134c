"""Documents that name tests, files or components name real ones."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

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
