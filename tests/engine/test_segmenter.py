"""The flow from film to mask, over a real but untrained network: what must hold whatever the weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import PromptError
from engine.film.grey import Rescale, VoiLut, Window, WindowFunction
from engine.film.radiograph import Orientation, Radiograph, Source
from engine.geometry import BoxPrompt, PointPrompt, Prompts
from engine.model_input import to_model_input
from engine.network.openvino_backend import OpenVinoBackend
from engine.segmenter import Segmenter, load_segmenter
from tests.tiny import tiny_checkpoint, tiny_segmenter


def a_film(stored: np.ndarray | None = None, **facts: Any) -> Radiograph:
    if stored is None:
        rng = np.random.default_rng(5)
        ramp = np.linspace(200, 3000, 120)[None, :] + np.linspace(0, 600, 90)[:, None]
        stored = (ramp + rng.normal(0, 40, ramp.shape)).astype(np.uint16)
    source = Source(Path("film.dcm"), "0" * 64, "1" * 64, "DICOM")
    return replace(Radiograph(stored, source, bits_stored=12), **facts)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    return tiny_segmenter(tmp_path_factory.mktemp("tiny"))


BOX = Prompts(BoxPrompt(20, 10, 70, 80))


def test_the_mask_lies_on_the_films_own_grid(segmenter: Segmenter) -> None:
    film = a_film()
    answer = segmenter.segment(segmenter.embed(film), BOX)
    assert (answer.mask.rows, answer.mask.columns) == (film.rows, film.columns)
    assert 0.0 <= answer.quality <= 1.0


@pytest.mark.parametrize(
    "facts",
    [
        {"views": (Window(1000.0, 50.0, WindowFunction.SIGMOID, "steep"),)},
        {"views": (VoiLut(0, np.arange(4096, dtype=np.uint16), 12, "lut"),)},
        {"orientation": Orientation("R", "H")},
        {"laterality": "L"},
    ],
    ids=["window", "voi lut", "orientation", "laterality"],
)
def test_how_a_film_is_shown_changes_no_bit_of_its_mask(segmenter: Segmenter, facts: dict[str, Any]) -> None:
    plain, shown = a_film(), a_film(**facts)
    one, two = segmenter.embed(plain), segmenter.embed(shown)
    assert one.input_sha256 == two.input_sha256
    assert segmenter.segment(one, BOX).mask == segmenter.segment(two, BOX).mask


def test_a_monochrome1_film_gives_the_mask_of_its_monochrome2_twin(segmenter: Segmenter) -> None:
    twin = a_film()
    flipped = a_film(stored=(4095 - twin.stored).astype(np.uint16), inverse=True)
    one, two = segmenter.embed(twin), segmenter.embed(flipped)
    assert segmenter.segment(one, BOX).mask.dice(segmenter.segment(two, BOX).mask) > 0.999


def test_rescale_changes_units_and_not_what_the_model_sees(segmenter: Segmenter) -> None:
    plain, rescaled = a_film(), a_film(modality=Rescale(0.5, -1024.0))
    checkpoint = segmenter.checkpoint
    frames = []
    for film in (plain, rescaled):
        letterbox = segmenter.embed(film).letterbox
        frames.append(to_model_input(film, letterbox, checkpoint.preprocessing))
    np.testing.assert_allclose(frames[0], frames[1], atol=1e-3)


def test_padding_does_not_stretch_the_greys() -> None:
    inside = a_film()
    padded = np.array(inside.stored)
    padded[:, :10] = 4095
    film = a_film(stored=padded, padding=(4095, 4095))
    from engine.geometry import Letterbox
    from engine.network.config import Preprocessing

    letterbox = Letterbox.fit(film.rows, film.columns, 120)
    frame = to_model_input(film, letterbox, Preprocessing())[0]
    reference = to_model_input(inside, letterbox, Preprocessing())[0]
    assert abs(frame[20:80, 40:110] - reference[20:80, 40:110]).max() < 0.35
    assert (frame[:90, :9] == frame.min()).all()


def test_prompts_asked_together_get_the_answers_they_get_alone(segmenter: Segmenter) -> None:
    embedding = segmenter.embed(a_film())
    asked = [
        BOX,
        Prompts(points=(PointPrompt(30, 30),)),
        Prompts(BoxPrompt(60, 5, 118, 85)),
        Prompts(BOX.box, (PointPrompt(5, 5),)),
    ]
    together = segmenter.segment_many(embedding, asked)
    alone = [segmenter.segment(embedding, prompt) for prompt in asked]
    assert [one.mask.dice(two.mask) > 0.999 for one, two in zip(together, alone, strict=True)] == [True] * 4


def test_an_embedding_of_another_model_is_refused(segmenter: Segmenter, tmp_path: Path) -> None:
    other = tiny_segmenter(tmp_path)
    embedding = replace(other.embed(a_film()), checkpoint_sha256="f" * 64)
    with pytest.raises(PromptError, match="another model"):
        segmenter.segment(embedding, BOX)


def test_a_result_says_what_drew_it(segmenter: Segmenter) -> None:
    provenance = segmenter.segment(segmenter.embed(a_film()), BOX).provenance
    assert provenance.checkpoint_sha256 == segmenter.checkpoint.sha256
    assert provenance.backend


def test_after_warming_up_a_first_box_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    real = OpenVinoBackend._compiled

    def watched(self: OpenVinoBackend, core: Any, path: Path, draw: Any) -> Any:
        compiled.append(path.suffix)
        return real(self, core, path, draw)

    monkeypatch.setattr(OpenVinoBackend, "_compiled", watched)
    segmenter = load_segmenter(tiny_checkpoint(tmp_path / "tiny.safetensors"), "cpu")
    segmenter.warm_up()
    assert compiled == [".encoder", ".decoder"]
    segmenter.segment(segmenter.embed(a_film()), BOX)
    assert compiled == [".encoder", ".decoder"]
