"""Two builds are compared file by file: contents, rights, links, and what is in one alone."""

from pathlib import Path

import compare
import pytest


def folder(path: Path, *, text: str = "one", mode: int = 0o644, link: str = "a") -> Path:
    (path / "inside").mkdir(parents=True)
    (path / "a").write_text(text)
    (path / "inside" / "b").write_text("b")
    (path / "inside" / "b").chmod(mode)
    (path / "c").symlink_to(link)
    return path


def test_what_is_the_same_does_not_differ(tmp_path: Path) -> None:
    assert compare.main([str(folder(tmp_path / "1")), str(folder(tmp_path / "2"))]) == 0


@pytest.mark.parametrize(
    ("change", "place"), [({"text": "two"}, "a"), ({"mode": 0o755}, "inside/b"), ({"link": "inside/b"}, "c")]
)
def test_what_differs_is_named(
    tmp_path: Path, change: dict[str, object], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = folder(tmp_path / "1"), folder(tmp_path / "2", **change)  # type: ignore[arg-type]
    assert compare.main([str(first), str(second)]) == 1
    assert f"DIFFERS     {place}" in capsys.readouterr().out


def test_what_is_in_one_alone_differs(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "1"), folder(tmp_path / "2")
    (second / "more").write_text("")
    assert compare.differences(first, second) == ["more"]


def test_what_is_listed_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "listed").write_text("# why\ninside/*  # because\n")
    monkeypatch.setattr(compare, "LISTED", tmp_path / "listed")
    first, second = folder(tmp_path / "1"), folder(tmp_path / "2", mode=0o755)
    assert compare.main([str(first), str(second)]) == 0


def test_two_folders_are_needed(tmp_path: Path) -> None:
    assert compare.main([str(tmp_path)]) == 2
    assert compare.main([str(tmp_path), str(tmp_path / "absent")]) == 2
