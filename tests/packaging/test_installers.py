"""What can be shown of the installers on the system that runs the tests; Debian's is made and taken apart."""

import ast
import plistlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import installers
import program_icon
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication

from app.policy import load_policy
from engine.version import VERSION

PACKAGING = Path(installers.__file__).parent

needs_debian = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or shutil.which("objdump") is None, reason="needs dpkg-deb and binutils"
)


def test_icons_hold_every_size_that_systems_ask_for(qapp: QApplication, tmp_path: Path) -> None:
    program_icon.write(tmp_path)
    with Image.open(tmp_path / "lungbox.ico") as ico:
        assert ico.info["sizes"] == {(side, side) for side in program_icon.ICO_SIDES}
        ico.size = (16, 16)  # type: ignore[misc]  # chooses the frame that is loaded
        ico.load()
        assert len(set(ico.convert("L").getextrema())) == 2  # it is drawn, not blank
    with Image.open(tmp_path / "lungbox.icns") as icns:
        sides = {width * scale for width, _, scale in icns.info["sizes"]}
        assert {32, 64, 256, 512, 1024} <= sides
    with Image.open(tmp_path / "lungbox.png") as png:
        assert png.size == (256, 256)
        assert png.getpixel((0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "numbers"), [("0.1.0", (0, 1, 0, 0)), ("2.13", (2, 13, 0, 0)), ("1.2.3rc4", (1, 2, 3, 4))]
)
def test_windows_properties_carry_the_version(text: str, numbers: tuple[int, ...]) -> None:
    made = installers.version_resource(text)
    call = ast.parse(made, mode="eval").body  # PyInstaller evaluates it too
    assert isinstance(call, ast.Call)
    assert f"filevers={numbers}" in made
    assert f"StringStruct('FileVersion', '{text}')" in made


def test_pyinstaller_reads_the_windows_properties() -> None:
    versioninfo = pytest.importorskip("PyInstaller.utils.win32.versioninfo")
    names = {name: getattr(versioninfo, name) for name in dir(versioninfo) if not name.startswith("_")}
    info = eval(installers.version_resource(VERSION), {"__builtins__": {}}, names)  # as PyInstaller does
    assert VERSION.encode("utf-16-le") in info.toRaw()


def test_the_windows_installer_names_what_a_build_makes() -> None:
    script = (PACKAGING / "windows.iss").read_text(encoding="utf-8")
    assert re.search(r"^AppVersion=\{#Version\}$", script, re.M)
    assert VERSION not in script  # it is given from its one place
    spec = (PACKAGING / "viewer.spec").read_text(encoding="utf-8")
    for program in set(re.findall(r"([\w-]+)\.exe", script)) - {"setup"}:
        assert f'"{program}"' in spec or program.endswith("-setup"), program
    built = (PACKAGING / "build.py").read_text(encoding="utf-8")
    assert "lungbox.ico" in built
    used = set(re.findall(r"\{#(\w+)\}", script))
    given = set(re.findall(r"/D(\w+)=", (PACKAGING / "installers.py").read_text(encoding="utf-8")))
    assert used == given


def test_the_entitlements_are_a_property_list_that_allows_no_more_than_is_needed() -> None:
    with (PACKAGING / "entitlements.plist").open("rb") as file:
        allowed = plistlib.load(file)
    assert all(allowed.values())
    assert not [name for name in allowed if "network" in name or "get-task-allow" in name]


def test_the_example_of_a_policy_is_one() -> None:
    found = load_policy(PACKAGING / "policy.toml.example")
    assert found.faults == ()
    assert found.locked
    assert found.default
    assert set(tomllib.loads((PACKAGING / "policy.toml.example").read_text(encoding="utf-8"))) == {"locked", "default"}


def test_a_file_is_signed_by_the_named_command_and_else_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "a program.exe"
    program.write_bytes(b"MZ")
    monkeypatch.delenv("LUNGBOX_SIGN_WINDOWS", raising=False)
    assert not installers.sign_windows(program)
    assert "not signed: a program.exe" in capsys.readouterr().out
    writer = tmp_path / "sign.py"
    writer.write_text("import sys; open(sys.argv[1], 'ab').write(b'signed')")
    monkeypatch.setenv("LUNGBOX_SIGN_WINDOWS", f"{sys.executable} {writer} {{file}}")
    assert installers.sign_windows(program)
    assert program.read_bytes() == b"MZsigned"


def built(folder: Path) -> Path:
    """Return a folder like that of a build, with a small program in it."""
    program = folder / "lungbox"
    (program / "_internal").mkdir(parents=True)
    source = folder / "main.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("lungbox 0"); return 0; }\n')
    subprocess.run(["gcc", "-o", str(program / "lungbox"), str(source)], check=True)
    (program / "lungbox-viewer").write_text("#!/bin/sh\n")
    (program / "lungbox-viewer").chmod(0o755)
    for name in ("NOTICES.txt", "lungbox.svg"):
        (program / name).write_text(name)
    shutil.copy(PACKAGING / "lungbox.desktop", program)
    return program


@needs_debian
def test_a_debian_package_installs_and_runs_and_is_the_same_twice(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    program = built(tmp_path)
    made = []
    for number in ("1", "2"):
        (tmp_path / number).mkdir()
        made.append(installers.deb(program, tmp_path / number))
    assert made[0].read_bytes() == made[1].read_bytes()
    fields = subprocess.run(["dpkg-deb", "--field", str(made[0])], capture_output=True, text=True, check=True).stdout
    assert f"Version: {VERSION}\n" in fields
    assert "libegl1" in fields
    assert re.search(r"libc6 \(>= 2\.\d+\)", fields)
    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "--extract", str(made[0]), str(root)], check=True)
    done = subprocess.run([root / "usr/bin/lungbox"], capture_output=True, text=True, check=True)
    assert done.stdout == "lungbox 0\n"
    assert (root / "usr/share/doc/lungbox/copyright").read_text() == "NOTICES.txt"
    menu = (root / "usr/share/applications/lungbox.desktop").read_text(encoding="utf-8")
    assert (root / "usr/bin" / re.findall(r"Exec=([\w-]+)", menu)[0]).exists()
    assert (root / f"usr/share/icons/hicolor/scalable/apps/{re.findall(r'Icon=(.+)', menu)[0]}.svg").exists()
