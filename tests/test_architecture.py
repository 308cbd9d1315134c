"""What must not be there: torch and Qt where they are not needed, and a parent package left half imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_engine_segments_the_demo_film_where_qt_and_torch_are_absent() -> None:
    out = run(
        "import sys\n"
        "sys.modules['torch'] = sys.modules['PySide6'] = sys.modules['segment_anything'] = None\n"
        "from engine.film.reading import read_radiograph\n"
        "from engine.segmenter import load_segmenter\n"
        "from engine.geometry import BoxPrompt, Prompts\n"
        "from resources import path\n"
        "film = read_radiograph(path('demo/demo.dcm'))\n"
        "segmenter = load_segmenter(device='cpu')\n"
        "answer = segmenter.segment(segmenter.embed(film), Prompts(BoxPrompt.whole(film.rows, film.columns)))\n"
        "print(answer.mask.area_px)\n"
    )
    assert int(out) > 500_000


@pytest.mark.parametrize("module", ["engine", "engine.segmenter", "engine.film.reading", "engine.case", "app.session"])
def test_slow_packages_load_only_when_they_are_used(module: str) -> None:
    slow = "{'torch', 'openvino', 'highdicom', 'segment_anything', 'transformers'}"
    assert run(f"import sys, {module}\nprint(sorted({slow} & set(sys.modules)))").strip() == "[]"


def test_segment_anythings_classes_come_without_torchvision() -> None:
    out = run(
        "import sys\n"
        "sys.modules['torchvision'] = None\n"
        "from engine.network.sam import ImageEncoderViT, MaskDecoder, PromptEncoder\n"
        "print(ImageEncoderViT.__module__, 'segment_anything' in sys.modules)\n"
    )
    assert out.split() == ["segment_anything.modeling.image_encoder", "False"]


def test_a_real_import_of_segment_anything_still_reads_its_own_package() -> None:
    # Stands in for a torchvision that matches torch: all that the package's __init__ wants of it are these names.
    out = run(
        "import sys, types\n"
        "import engine.network.sam\n"
        "for name in ('torchvision', 'torchvision.ops', 'torchvision.ops.boxes', 'torchvision.transforms',\n"
        "             'torchvision.transforms.functional'):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "sys.modules['torchvision.ops.boxes'].batched_nms = sys.modules['torchvision.ops.boxes'].box_area = None\n"
        "sys.modules['torchvision.transforms.functional'].resize = None\n"
        "sys.modules['torchvision.transforms.functional'].to_pil_image = None\n"
        "import segment_anything\n"
        "print(segment_anything.SamPredictor.__name__, segment_anything.__file__ is not None)\n"
    )
    assert out.split() == ["SamPredictor", "True"]
