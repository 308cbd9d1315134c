"""What stays out of the program's folder, and what must never."""

import tarfile
from pathlib import Path

import build
import pytest
from contents import is_left_out


@pytest.mark.parametrize(
    "path",
    [
        "openvino/libs/libopenvino_intel_gpu_plugin.so",
        "openvino/libs/libopenvino_onnx_frontend.so.2641",
        "PySide6/Qt/lib/libQt6Network.so.6",
        "PySide6\\Qt\\plugins\\tls\\qopensslbackend.dll",
        "PySide6/Qt/translations/qtbase_fr.qm",
        "imagecodecs/_avif.abi3.so",
        "imagecodecs.libs/libaom-391a2213.so.3.13.1",
        "pydicom/data/test_files/CT_small.dcm",
    ],
)
def test_what_no_line_of_ours_can_reach_stays_out(path: str) -> None:
    assert is_left_out(path)


@pytest.mark.parametrize(
    "path",
    [
        "openvino/libs/libopenvino_intel_cpu_plugin.so",
        "openvino/libs/libopenvino.so.2641",
        "PySide6/Qt/lib/libQt6Widgets.so.6",
        "PySide6/Qt/lib/libQt6Svg.so.6",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/translations/qtbase_de.qm",
        "imagecodecs/_jpeg2k.abi3.so",
        "imagecodecs/__init__.py",
        "imagecodecs.libs/libopenjp2-7e27257a.so.2.5.4",
        "resources/models/lungbox-compact.safetensors",
        "resources/demo/demo.dcm",
    ],
)
def test_what_the_program_needs_stays_in(path: str) -> None:
    assert not is_left_out(path)


def test_an_archive_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    packed = []
    for order in (("b", "a"), ("a", "b")):
        folder = tmp_path / "-".join(order) / "lungbox"
        folder.mkdir(parents=True)
        for name in order:
            (folder / name).write_text(name)
        packed.append(build.archive(folder, folder.parent / "lungbox.tar.xz", 1_000_000_000).read_bytes())
    assert packed[0] == packed[1]
    with tarfile.open(tmp_path / "a-b" / "lungbox.tar.xz") as file:
        assert [(entry.name, entry.mtime, entry.uid) for entry in file] == [
            ("lungbox/a", 1_000_000_000, 0),
            ("lungbox/b", 1_000_000_000, 0),
        ]


def test_sizes_are_counted_by_library(tmp_path: Path) -> None:
    (tmp_path / "_internal" / "cv2").mkdir(parents=True)
    (tmp_path / "_internal" / "cv2" / "cv2.so").write_bytes(bytes(30))
    (tmp_path / "lungbox").write_bytes(bytes(5))
    assert dict(build.sizes(tmp_path)) == {"cv2": 30, "lungbox": 5}
