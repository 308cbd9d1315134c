"""Outlines on what is no frontal chest get a warning. With the model that ships: a warning is only as good as it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.domain import chest_likeness
from engine.film.radiograph import Radiograph, Source
from engine.film.reading import read_radiograph
from engine.likeness import LEAST_QUALITY, MOST_UNDECIDED, ChestLikeness
from engine.segmenter import Segmenter, load_segmenter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(device="cpu")


def likeness(segmenter: Segmenter, film: Radiograph) -> ChestLikeness:
    return chest_likeness(segmenter, segmenter.embed(film), film)


def no_chest(kind: str) -> Radiograph:
    y, x = np.mgrid[0:600, 0:500].astype(np.float32)
    pictures = {
        "noise": np.random.default_rng(2).uniform(0, 4095, y.shape),
        "wedge": 8 * x,
        "bone": 3500 * np.exp(-(((x - 250) / 45) ** 2)) + 200 * np.sin(y / 9),  # a shaft down the middle
        "blank": np.full_like(y, 1000),
    }
    source = Source(Path("film.dcm"), "0" * 64, "1" * 64, "DICOM")
    return Radiograph(pictures[kind].clip(0, 4095).astype(np.uint16), source, bits_stored=12)


def test_a_chest_film_is_not_doubted(segmenter: Segmenter) -> None:
    film = read_radiograph(ROOT / "resources" / "demo" / "demo.dcm")
    found = likeness(segmenter, film)
    assert found.lungs == 2
    assert not found.doubtful, found


@pytest.mark.parametrize("kind", ["noise", "wedge", "bone", "blank"])
def test_what_is_no_chest_is_doubted(segmenter: Segmenter, kind: str) -> None:
    assert likeness(segmenter, no_chest(kind)).doubtful


@pytest.mark.parametrize(
    "change", [{"lungs": 0}, {"quality": LEAST_QUALITY - 0.01}, {"undecided": MOST_UNDECIDED + 0.01}]
)
def test_each_sign_is_enough(change: dict[str, float]) -> None:
    good = ChestLikeness(lungs=1, quality=LEAST_QUALITY, undecided=MOST_UNDECIDED)
    assert not good.doubtful
    assert replace(good, **change).doubtful  # type: ignore[arg-type]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "doubtful"),
    [
        ("highdicom_dx_thorax_169x211_mono1.dcm", True),  # the header says thorax; it is a dog, from the side
        ("wg04_RG2_UNC.dcm", True),  # a hip
        ("wg04_RG3_UNC.dcm", True),  # a tibia
        ("canon_dx_966_fixed_j2k_lossless_mono1.dcm", False),
        ("nih_dx_implicit_mono2_1024.dcm", False),
        ("rsna_cr_ap_jpegbaseline_mono2_1024.dcm", False),
        ("wg04_rg1_cr_thorax_j2k_lossy_mono1.dcm", False),
    ],
)
def test_real_films(segmenter: Segmenter, shared_dir: Path, name: str, doubtful: bool) -> None:
    assert likeness(segmenter, read_radiograph(shared_dir / "data" / "dicom" / name)).doubtful is doubtful
