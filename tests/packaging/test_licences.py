"""Nothing is bundled that was not read and approved; what is bundled comes with its licence."""

import json
import tomllib
from importlib import metadata
from pathlib import Path

import licences
import pytest


def listing() -> dict[str, dict[str, dict[str, str]]]:
    text = Path(licences.__file__).with_name("components.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def test_all_that_the_program_needs_is_listed_and_has_its_licence_in_the_notices(tmp_path: Path) -> None:
    bundled = licences.write(tmp_path)
    assert {"numpy", "pyside6_essentials", "openvino", "pyinstaller"} <= {component.name for component in bundled}
    without = [component.name for component in bundled if not component.texts]
    assert without == ["pyjpegls"]  # its wheel has none
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (tmp_path / "NOTICES.txt").read_text(encoding="utf-8")
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert {entry["name"]: entry["version"] for entry in bill["components"]} == {
        component.name: component.version for component in bundled
    }


def test_what_is_not_listed_is_not_bundled() -> None:
    with pytest.raises(licences.UnapprovedError, match="pytest is not in"):
        licences.components(listing(), {"pytest": metadata.distribution("pytest")})


def test_a_licence_that_was_not_approved_is_refused() -> None:
    changed = listing()
    changed["component"]["numpy"] = {"licence": "GPL-3.0-only", "why": "a test"}
    with pytest.raises(licences.UnapprovedError, match="which is not approved"):
        licences.components(changed, {"numpy": metadata.distribution("numpy")})


def test_telemetry_is_left_out() -> None:
    found = licences.distributions("lungbox", frozenset(listing()["left_out"]))
    assert "openvino" in found
    assert "openvino-telemetry" not in found
