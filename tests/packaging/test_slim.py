"""The folder is smaller, and what is left computes the same; what was cut off is out of reach."""

import ast
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import slim

ROOT = Path(__file__).resolve().parents[2]

# Functions of OpenCV that the program may call. None reaches LAPACK, BLAS, FFmpeg or OpenSSL; before one is added here,
# look at its source: of core's, those that solve, invert or multiply matrices do.
REACHED = frozenset(
    {
        "LUT", "GaussianBlur", "approxPolyDP", "connectedComponents", "connectedComponentsWithStats", "cvtColor",
        "dilate", "distanceTransform", "drawContours", "findContours", "imdecode", "imencode",
        "invertAffineTransform", "polylines", "resize", "setNumThreads", "warpAffine",
    }
)  # fmt: skip

needs_tools = pytest.mark.skipif(
    not sys.platform.startswith("linux") or any(shutil.which(tool) is None for tool in slim.TOOLS),
    reason=f"needs Linux and {', '.join(slim.TOOLS)}",
)


def called() -> set[str]:
    names = set()
    for path in [*(ROOT / "app").glob("*.py"), *(ROOT / "engine").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cv2":
                names.add(node.attr)
            assert not (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cv2"), path
    return {name for name in names if not name.isupper() and not name.split("_")[0].isupper()} | (names & {"LUT"})


def test_the_program_calls_no_function_of_opencv_that_was_not_looked_at() -> None:
    assert called() - REACHED == set()


@pytest.fixture(scope="module")
def opencv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder from which cv2 is imported with its stubs, whatever is installed."""
    folder = tmp_path_factory.mktemp("slim")
    spec = find_spec("cv2")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parents[1]
    if not (installed / slim.OPENCV_LIBRARIES).is_dir():
        pytest.skip("this cv2 is not from the wheel")
    shutil.copytree(installed / "cv2", folder / "cv2", ignore=shutil.ignore_patterns("data", "__pycache__"))
    shutil.copytree(installed / slim.OPENCV_LIBRARIES, folder / slim.OPENCV_LIBRARIES)
    slim.stub_opencv(folder)
    slim.remove_orphans(folder)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@needs_tools
def test_the_program_works_without_what_was_cut_off(opencv: Path) -> None:
    names = [path.name for path in (opencv / slim.OPENCV_LIBRARIES).iterdir()]
    assert not [name for name in names if name.startswith(("libcrypto", "libssl", "libvpx", "libgfortran"))]
    size = sum(path.stat().st_size for path in (opencv / slim.OPENCV_LIBRARIES).iterdir())
    assert size < 12e6
    assert str(opencv) in run(opencv, "-c", "import cv2; print(cv2.__file__)").stdout
    done = run(opencv, "-m", "engine", "segment", str(ROOT / "resources/demo/demo.dcm"), "--out", "results")
    assert done.returncode == 0, done.stderr
    assert run(opencv, "-m", "engine", "doctor").returncode == 0


@needs_tools
@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("cv2.VideoCapture('nothing.mp4', cv2.CAP_FFMPEG)", "libav"),
        ("a = numpy.eye(500); cv2.solve(a, a, flags=cv2.DECOMP_SVD)", "libopenblasp"),
    ],
)
def test_what_was_cut_off_says_so_and_ends_the_process(opencv: Path, code: str, library: str) -> None:
    done = run(opencv, "-c", f"import cv2, numpy\n{code}")
    assert done.returncode != 0
    assert f"lungbox: {library}" in done.stderr
    assert "is not bundled" in done.stderr


@needs_tools
def test_data_is_never_stood_for_by_a_stub(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="table is data"):
        slim.write_stub(tmp_path / "liba.so.1", [slim.Symbol("table", "", "D")])


@needs_tools
def test_a_library_goes_only_when_nothing_needs_it(tmp_path: Path) -> None:
    for name in ("libdeep.so", "libused.so", "liblonely.so"):
        slim.write_stub(tmp_path / name, [slim.Symbol(name.split(".")[0][3:], "", "T")])
    (tmp_path / "package").mkdir()
    program = tmp_path / "package" / "module.so"
    source = tmp_path / "module.c"
    source.write_text("void used(void); void module(void) { used(); }")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", str(program), str(source), str(tmp_path / "libused.so")], check=True
    )
    slim.remove_orphans(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.so")) == ["libused.so"]
    assert program.exists()


@needs_tools
def test_files_that_could_not_be_loaded_any_more_are_not_stripped(tmp_path: Path) -> None:
    slim.write_stub(tmp_path / "liba.so.1", [slim.Symbol("a", "", "T")])
    whole = (tmp_path / "liba.so.1").read_bytes()
    assert slim.is_loadable(tmp_path / "liba.so.1")
    # e_phoff (ELF64, byte 32) leads to the program headers, 56 bytes each; p_offset is at byte 8 of one.
    headers = int.from_bytes(whole[32:40], "little")
    moved = bytearray(whole)
    for number in range(int.from_bytes(whole[56:58], "little")):
        at = headers + 56 * number
        if whole[at : at + 4] == b"\x01\x00\x00\x00":
            moved[at + 8] ^= 0x10
            break
    (tmp_path / "moved.so").write_bytes(moved)
    assert not slim.is_loadable(tmp_path / "moved.so")
