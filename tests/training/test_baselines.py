"""Baselines: what a box is to them, that they learn from our batches, and that the engine runs them as it runs ours."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.film.radiograph import Radiograph, Source
from engine.geometry import BoxPrompt, Letterbox, PointPrompt, Prompts
from engine.network.config import ModelConfig
from engine.segmenter import Segmenter
from training import baselines
from training.baselines import ARCHITECTURES, BaselineBackend, box_channel, has_boxes, inside_box, questions, train
from training.films import Batch, Draws, Film
from training.recipe import Phase, Recipe, shortened
from training.state import StateError

SIDE = 32
RECIPE = Recipe(
    model=ModelConfig(image_size=SIDE),
    phases=(Phase(16, 160, 4), Phase(SIDE, 80, 4)),
    learning_rate=2e-2,
    warmup_steps=5,
    ema_decay=0.8,
)


class Threshold(nn.Module):
    """The smallest network that can learn dark from bright, and a box: one pixel at a time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, 16, 1), nn.ReLU(), nn.Conv2d(16, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        answer: Tensor = self.layers(inputs)
        return answer


def films(count: int = 6) -> list[Film]:
    """Dark lungs in a bright chest."""
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        lungs = np.zeros((2, SIDE, SIDE), np.uint8)
        lungs[0, 8:24, 4 : 12 + seed % 3] = 1
        lungs[1, 8:24, 19:28] = 1
        unit = 0.85 - 0.7 * lungs.max(axis=0) + rng.normal(0, 0.02, (SIDE, SIDE))
        found.append(Film(f"film {seed}", "somewhere", unit.clip(0, 1).astype(np.float32), lungs))
    return found


def tokens(*prompts: Prompts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    frame = Letterbox.fit(SIDE, SIDE, SIDE)
    found = [frame.tokens(one) for one in prompts]
    return np.stack([where for where, _ in found]), np.stack([labels for _, labels in found])


def test_the_channel_is_the_box_and_points_are_not_seen() -> None:
    box = BoxPrompt(5, 8, 12, 20)
    plain = box_channel(*tokens(Prompts(box)), SIDE)
    assert plain.shape == (1, 1, SIDE, SIDE)
    expected = np.full((SIDE, SIDE), -1.0)
    expected[8:20, 5:12] = 1.0
    np.testing.assert_array_equal(plain[0, 0], expected)
    np.testing.assert_array_equal(box_channel(*tokens(Prompts(box, (PointPrompt(2, 2),))), SIDE), plain)


def test_pieces_mostly_inside_the_box_are_the_answer() -> None:
    logits = np.full((SIDE, SIDE), -3.0, np.float32)
    logits[5:25, 3:12] = logits[5:25, 18:27] = 2.0
    box = box_channel(*tokens(Prompts(BoxPrompt(1, 8, 15, 22))), SIDE)[0, 0]
    kept = inside_box(logits, box) > 0
    assert kept[:, 3:12].sum() == 20 * 9  # a sloppy box does not cut the lung
    assert not kept[:, 18:].any()
    assert (inside_box(logits, np.ones_like(box)) == logits).all()


def test_batches_of_points_alone_are_passed_over() -> None:
    where, labels = tokens(Prompts(None, (PointPrompt(4, 4),)))
    frames, targets = np.zeros((1, 1, SIDE, SIDE), np.float32), np.zeros((1, 16, 16), np.float32)
    assert not has_boxes(Batch(frames, where, labels, targets))
    where, labels = tokens(Prompts(BoxPrompt(1, 1, 5, 5)))
    assert has_boxes(Batch(frames, where, labels, targets))


def test_with_a_box_each_prompt_is_a_question_and_without_it_each_film() -> None:
    batch = next(one for one in Draws(films(), 40, SIDE, 4, 3, RECIPE.preprocessing, 1) if has_boxes(one))
    inputs, targets = questions(batch, with_box=True)
    assert tuple(inputs.shape) == (12, 2, SIDE, SIDE)
    assert torch.equal(inputs[0, 0], inputs[2, 0])
    assert not torch.equal(inputs[0, 1], inputs[1, 1])
    assert torch.equal(targets, torch.from_numpy(batch.targets))
    inputs, targets = questions(batch, with_box=False)
    assert tuple(inputs.shape) == (4, 1, SIDE, SIDE)
    assert torch.equal(targets[0], torch.from_numpy(batch.targets[:3].max(axis=0)))


@pytest.mark.parametrize("with_box", [True, False])
def test_a_baseline_learns_and_answers_through_the_engine(with_box: bool) -> None:
    torch.manual_seed(0)
    network = train(Threshold(1 + with_box), films(), RECIPE, torch.device("cpu"), with_box=with_box)
    segmenter = Segmenter(BaselineBackend(network, "threshold", RECIPE, torch.device("cpu"), with_box=with_box))
    film = films()[0]
    stored = (film.unit * 4000).astype(np.uint16)
    radiograph = Radiograph(stored, Source(Path("f.png"), "", "", "PNG"), 12)
    right, both = segmenter.segment_many(
        segmenter.embed(radiograph), [Prompts(BoxPrompt(3, 7, 13, 25)), Prompts(BoxPrompt(0, 0, SIDE, SIDE))]
    )
    for found, truth in ((right, film.lungs[0] > 0), (both, film.lungs.max(axis=0) > 0)):
        mask = found.mask.pixels()
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9
    assert right.provenance.checkpoint_name == "threshold baseline"


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("after", [1, 7, 13], ids=["at once", "in the first phase", "in the second"])
def test_a_killed_training_goes_on_and_ends_as_it_would_have_ended(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(RECIPE, phases=(Phase(16, 40, 4), Phase(SIDE, 24, 4)), checkpoint_seconds=0.0)

    def run(state: Path | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        kept = train(Threshold(1), films(), short, torch.device("cpu"), with_box=False, state=state)
        return kept.state_dict()

    whole = run(None)
    calls = iter(range(after))

    def killed(batch: Batch, *, with_box: bool) -> tuple[torch.Tensor, torch.Tensor]:
        if next(calls, None) is None:
            raise KilledError
        return questions(batch, with_box=with_box)

    state = tmp_path / "row.state.pt"
    with monkeypatch.context() as patched:
        patched.setattr(baselines, "questions", killed)
        with pytest.raises(KilledError):
            run(state)
    assert state.exists()
    for name, value in run(state).items():
        assert torch.equal(value, whole[name]), name


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    short = replace(RECIPE, phases=(Phase(16, 8, 4),), checkpoint_seconds=0.0)
    state = tmp_path / "row.state.pt"
    train(Threshold(1), films(), short, torch.device("cpu"), with_box=False, state=state)
    with pytest.raises(StateError, match="another network"):
        train(Threshold(2), films(), short, torch.device("cpu"), with_box=True, state=state)


def test_weights_are_averaged_as_our_own_models_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not over all steps from the first on: that would handicap what our model is compared with."""
    recipe = replace(RECIPE, phases=(Phase(16, 40, 4),), ema_decay=0.998)
    weights, one_step = [], baselines._one_step

    def watched(run: baselines.Baseline, *words: Any) -> Tensor:
        loss = one_step(run, *words)
        weights.append(run.network.layers[0].weight.detach().clone())  # type: ignore[union-attr, index]
        return loss

    monkeypatch.setattr(baselines, "_one_step", watched)
    monkeypatch.setattr(baselines, "has_boxes", lambda _: True)  # or a batch may be passed over
    torch.manual_seed(0)
    network = Threshold(1)
    expected = network.layers[0].weight.detach().clone()  # type: ignore[operator]
    kept = train(network, films(), recipe, torch.device("cpu"), with_box=False)
    for step, weight in enumerate(weights, start=1):
        expected.lerp_(weight, 1.0 - (1 + step) / (10 + step))
    assert len(weights) == 10
    assert torch.equal(kept.layers[0].weight, expected)  # type: ignore[union-attr, index]


def test_vectors_of_a_baseline_do_not_decay_as_ours_do_not() -> None:
    decaying, plain = baselines.begun(Threshold(1), RECIPE).optimizer.param_groups
    assert (decaying["weight_decay"], plain["weight_decay"]) == (RECIPE.weight_decay, 0.0)
    assert [p.ndim for p in decaying["params"]] == [4, 4]
    assert [p.ndim for p in plain["params"]] == [1, 1]


def test_a_trial_draws_fewer_films_and_keeps_every_phase() -> None:
    short = shortened(RECIPE, 24)
    assert [(phase.size, phase.films, phase.batch) for phase in short.phases] == [(16, 16, 4), (SIDE, 8, 4)]
    assert [phase.films for phase in shortened(RECIPE, 0).phases] == [4, 4]
    assert shortened(RECIPE, RECIPE.total_films // 2).warmup_steps == RECIPE.warmup_steps // 2
    assert shortened(RECIPE, RECIPE.total_films) == RECIPE


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_the_real_networks_take_a_second_channel(name: str) -> None:
    if importlib.util.find_spec("segmentation_models_pytorch") is None:
        pytest.skip("segmentation-models-pytorch is not installed")
    network = baselines.build(ARCHITECTURES[name], 2).eval()
    with torch.inference_mode():
        assert tuple(network(torch.zeros(1, 2, 64, 64)).shape) == (1, 1, 64, 64)


def test_without_the_package_the_error_says_what_to_install() -> None:
    if importlib.util.find_spec("segmentation_models_pytorch") is not None:
        pytest.skip("segmentation-models-pytorch is installed")
    with pytest.raises(baselines.BaselinesMissingError, match=r"Install lungbox\[baselines\]"):
        baselines.build(ARCHITECTURES["unet"], 1)
