"""From the frozen folder to what is installed: `python packaging/installers.py dist/lungbox [--out dist]`.

Linux: a .deb, here and now. Windows: windows.iss through Inno Setup's iscc. macOS: a signed .app in a .dmg. Signing is
done with the means that the environment names, and said to be left out where it names none:

    LUNGBOX_SIGN_WINDOWS   a command that signs a file, whose path is put in the place of {file}
    LUNGBOX_SIGN_MACOS     the name of a "Developer ID Application" identity in the keychain
    LUNGBOX_NOTARIZE       the name of a notarytool keychain profile
"""

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import slim
from check_system import QT_LIBRARIES, X11_LIBRARIES
from this_commit import ROOT, commit_time, version

HERE = ROOT / "packaging"
SUMMARY = "outline and measure the lungs on a chest radiograph"
_ABOUT = (
    "Lungbox outlines the lungs on a chest radiograph from one box, and measures",
    "them, on this computer alone. Research software: not a medical device.",
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def deb(program: Path, out: Path) -> Path:
    """Make the package of Debian and its kin, whose bytes depend on the folder and the commit alone."""
    architecture = _ARCHITECTURES[platform.machine()]
    target = out / f"lungbox_{version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "lungbox"
        shutil.copytree(program, root / "usr/lib/lungbox", symlinks=True)
        lay_out(root)
        control = root / "DEBIAN"
        control.mkdir()
        size_kb = slim.size(root) // 1024
        (control / "control").write_text(control_text(architecture, size_kb, libc_needed(program)), encoding="utf-8")
        for path in [root, *root.rglob("*")]:
            if path.is_symlink():
                continue
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            os.utime(path, (commit_time(), commit_time()))
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(root), str(target)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(commit_time())}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return target


def lay_out(root: Path) -> None:
    """Put starters, menu entry, icon and papers where Debian has them."""
    program = root / "usr/lib/lungbox"
    for folder in (
        "usr/bin",
        "usr/share/applications",
        "usr/share/icons/hicolor/scalable/apps",
        "usr/share/doc/lungbox",
    ):
        (root / folder).mkdir(parents=True)
    for starter in ("lungbox", "lungbox-viewer"):
        (root / "usr/bin" / starter).symlink_to(f"../lib/lungbox/{starter}")
    (program / "lungbox.desktop").rename(root / "usr/share/applications/lungbox.desktop")
    (program / "lungbox.svg").rename(root / "usr/share/icons/hicolor/scalable/apps/lungbox.svg")
    papers = root / "usr/share/doc/lungbox"
    shutil.copy(HERE / "policy.toml.example", papers / "policy.toml.example")
    (papers / "copyright").symlink_to("../../../lib/lungbox/NOTICES.txt")


def control_text(architecture: str, size_kb: int, libc: str) -> str:
    """Return the package's control file."""
    needed = [f"libc6 (>= {libc})", *sorted({*QT_LIBRARIES.values(), *X11_LIBRARIES.values()})]
    lines = [
        "Package: lungbox",
        f"Version: {version()}",
        f"Architecture: {architecture}",
        "Section: science",
        "Priority: optional",
        "Maintainer: Lungbox maintainers <lungbox@localhost>",
        f"Installed-Size: {size_kb}",
        f"Depends: {', '.join(needed)}",
        f"Description: {SUMMARY}",
        *(f" {line}" for line in _ABOUT),
    ]
    return "\n".join(lines) + "\n"


def libc_needed(program: Path) -> str:
    """Return the oldest C library that every binary of a folder is content with."""
    newest = (0, 0)
    for path in slim.binaries(program):
        found = [(int(major), int(minor)) for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", slim.headers(path))]
        newest = max([newest, *found])
    return f"{newest[0]}.{newest[1]}"


def windows_installer(program: Path, out: Path) -> Path:
    """Make the installer of Windows with Inno Setup."""
    for name in ("lungbox.exe", "lungbox-viewer.exe"):
        sign_windows(program / name)
    compiler = shutil.which("iscc")
    if compiler is None:
        raise SystemExit("Inno Setup's iscc is not installed: get it, and put it on the PATH")
    defines = [f"/DVersion={version()}", f"/DProgram={program}", f"/DOut={out}"]
    subprocess.run([compiler, *defines, str(HERE / "windows.iss")], check=True)
    target = out / f"lungbox-{version()}-setup.exe"
    sign_windows(target)
    return target


def sign_windows(path: Path) -> bool:
    """Sign a file with the command that the environment names; say so where it names none."""
    command = os.environ.get("LUNGBOX_SIGN_WINDOWS", "")
    if not command:
        print(f"not signed: {path.name} (LUNGBOX_SIGN_WINDOWS is not set)")
        return False
    subprocess.run([part.replace("{file}", str(path)) for part in shlex.split(command)], check=True)
    return True


def mac_image(bundle: Path, out: Path) -> Path:
    """Sign the .app where an identity is named, put it in a .dmg, and have that notarized where a profile is named."""
    identity, profile = os.environ.get("LUNGBOX_SIGN_MACOS", ""), os.environ.get("LUNGBOX_NOTARIZE", "")
    if identity:
        options = ["--force", "--timestamp", "--options", "runtime", "--entitlements", str(HERE / "entitlements.plist")]
        inside = [path for path in bundle.rglob("*") if path.suffix in (".dylib", ".so") and not path.is_symlink()]
        for path in [*sorted(inside), bundle]:  # from the inside out, as codesign wants it
            subprocess.run(["codesign", *options, "--sign", identity, str(path)], check=True)
    else:
        print(f"not signed: {bundle.name} (LUNGBOX_SIGN_MACOS is not set)")
    target = out / f"lungbox-{version()}.dmg"
    command = ["hdiutil", "create", "-volname", "Lungbox", "-srcfolder", str(bundle), "-ov", "-format", "UDZO"]
    subprocess.run([*command, str(target)], check=True)
    if identity and profile:
        notarize = ["xcrun", "notarytool", "submit", str(target), "--keychain-profile", profile, "--wait"]
        subprocess.run(notarize, check=True)
        subprocess.run(["xcrun", "stapler", "staple", str(target)], check=True)
    else:
        print(f"not notarized: {target.name} (LUNGBOX_SIGN_MACOS and LUNGBOX_NOTARIZE are not both set)")
    return target


def version_resource(text: str) -> str:
    """Return what PyInstaller puts into Windows programs as their properties (VS_VERSIONINFO), from a version."""
    numbers = tuple([*(int(part) for part in re.findall(r"\d+", text)), 0, 0, 0][:4])
    strings = {
        "CompanyName": "Lungbox",
        "FileDescription": "Lungbox, research software, not a medical device",
        "FileVersion": text,
        "LegalCopyright": "Apache License 2.0",
        "ProductName": "Lungbox",
        "ProductVersion": text,
    }
    table = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0, OS=0x40004, "
        "fileType=1, subtype=0, date=(0, 0)), kids=[StringFileInfo([StringTable('040904B0', "
        f"[{table}])]), VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )


def main(argv: list[str] | None = None) -> int:
    """Make what this system installs."""
    parser = argparse.ArgumentParser(
        prog="packaging/installers.py", description="Make an installer of a built program."
    )
    parser.add_argument("program", type=Path, help="folder made by packaging/build.py; on macOS the .app beside it")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    given = parser.parse_args(argv)
    program, out = given.program.resolve(), given.out.resolve()
    maker = {"win32": windows_installer, "darwin": mac_image}.get(sys.platform, deb)
    made = maker(program, out)
    print(f"{made.stat().st_size / 1e6:.1f} MB  {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
