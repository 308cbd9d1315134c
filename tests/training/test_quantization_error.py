"""The analysis of what rounding does to weights."""

import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.network.checkpoint import read_checkpoint, write_checkpoint
from engine.network.config import Preprocessing
from engine.network.model import LungModel
from engine.network.quantized import dequantize, quantize_weight
from tests.training.small_model import COMPACT, films, logits_of, small_model
from training.adaptation import Quantization, RecipeError
from training.qat import calibrating, round_places
from training.quantization_error import (
    RoundedWeight,
    analysis,
    checkpoint_in,
    error_of,
    figure,
    main,
    over_amplitude,
    rounded_here,
    rounded_there,
)
from training.release import released_tensors

RULE = Quantization(places=("encoder mlp", "encoder convolutions", "decoder linears"))


def written(path: Path, model: LungModel) -> Path:
    write_checkpoint(
        path,
        name="small",
        version="0",
        config=COMPACT,
        preprocessing=Preprocessing(),
        tensors=released_tensors(model, "float32"),
        scheme="test",
        card={},
    )
    return path


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("models") / "reals.safetensors", small_model(COMPACT))


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = small_model(COMPACT)
    round_places(model, RULE)
    with calibrating(model), torch.no_grad():
        logits_of(model, films(COMPACT))
    return written(tmp_path_factory.mktemp("models") / "integers.safetensors", model)


def uniform_error(weights: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    real = rng.normal(0, 1, weights).astype(np.float32)
    integers, scale = quantize_weight(real[None], per_row=False)
    return real, dequantize(integers, scale)[0]


def test_the_error_of_plain_rounding_is_uniform_over_one_step() -> None:
    real, rounded = uniform_error()
    step = float(np.abs(real).max()) / 127
    found = error_of(real, rounded)
    assert found.standard_deviation == pytest.approx(step / 12**0.5, rel=0.02)
    assert found.largest <= step / 2 * 1.001
    assert found.mean == pytest.approx(0.0, abs=step / 100)
    assert found.excess_kurtosis == pytest.approx(-1.2, abs=0.05)
    assert found.signal_to_noise_db == pytest.approx(10 * np.log10(12 / step**2), abs=0.1)
    assert found.correlation > 0.9999


def test_the_error_of_plain_rounding_does_not_depend_on_amplitude() -> None:
    bins = over_amplitude(*uniform_error())
    assert sum(each["weights"] for each in bins) == 200_000
    means = [each["mean_absolute_error"] for each in bins if each["weights"] > 2000]
    assert max(means) < 1.1 * min(means)


def test_a_gaussian_error_lies_on_the_line_of_the_q_q_plot() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(0, 1, 100_000).astype(np.float32)
    noisy = real + rng.normal(0.5, 0.1, real.size).astype(np.float32)
    found = analysis([RoundedWeight("layer", real, noisy)])
    line = np.array(found["quantiles"]["gaussian"]) - np.array(found["quantiles"]["error"])
    assert np.abs(line).max() < 0.1
    assert found["gaussian"]["mean"] == pytest.approx(0.5, abs=0.01)
    assert found["gaussian"]["standard_deviation"] == pytest.approx(0.1, abs=0.01)
    plain = analysis([RoundedWeight("layer", *uniform_error())])
    bent = np.array(plain["quantiles"]["gaussian"]) - np.array(plain["quantiles"]["error"])
    assert np.abs(bent).max() > 0.5


def test_the_histogram_counts_every_weight() -> None:
    found = analysis([RoundedWeight("a", *uniform_error(3000)), RoundedWeight("b", *uniform_error(500))])
    assert sum(found["histogram"]["counts"]) == 3500 == found["overall"]["weights"]
    assert {name: layer["weights"] for name, layer in found["layers"].items()} == {"a": 3000, "b": 500}


def test_a_weight_that_is_not_changed_has_no_error() -> None:
    real = np.array([[-1.0, 0.0, 1.0]], dtype=np.float32)
    found = error_of(real, real)
    assert found.largest == 0.0
    assert found.signal_to_noise_db == float("inf")
    assert (
        json.loads(json.dumps(analysis([RoundedWeight("layer", real, real)])))["overall"]["signal_to_noise_db"] is None
    )


def test_rounding_reals_here_is_what_a_release_holds(reals: Path, integers: Path) -> None:
    here = rounded_here(read_checkpoint(reals), RULE)
    there = rounded_there(read_checkpoint(integers), read_checkpoint(reals))
    assert sorted(weight.layer for weight in here) == sorted(weight.layer for weight in there)
    by_name = {weight.layer: weight for weight in there}
    for weight in here:
        assert np.array_equal(weight.real, by_name[weight.layer].real)
        assert np.array_equal(weight.rounded, by_name[weight.layer].rounded)


def test_finer_scales_lose_less(reals: Path) -> None:
    checkpoint = read_checkpoint(reals)
    per_row = analysis(rounded_here(checkpoint, RULE))["overall"]
    per_tensor = analysis(rounded_here(checkpoint, replace(RULE, weight_scale="tensor")))["overall"]
    four_bits = analysis(rounded_here(checkpoint, replace(RULE, four_bits=("encoder mlp",), group=16)))["overall"]
    assert per_row["signal_to_noise_db"] > per_tensor["signal_to_noise_db"] > four_bits["signal_to_noise_db"]


def test_what_cannot_be_compared_is_refused(reals: Path, integers: Path) -> None:
    real, whole = read_checkpoint(reals), read_checkpoint(integers)
    with pytest.raises(RecipeError, match="holds integers already"):
        rounded_here(whole, RULE)
    with pytest.raises(RecipeError, match="of integers and one of reals"):
        rounded_there(real, whole)
    with pytest.raises(RecipeError, match="nothing is rounded"):
        analysis(rounded_here(real, Quantization(places=("prompt encoder",))))


def test_the_figure_is_four_plots() -> None:
    weights = [RoundedWeight("layer", *uniform_error(5000))]
    with Image.open(io.BytesIO(figure(weights, analysis(weights), "small"))) as picture:
        assert picture.format == "PNG"
        grey = np.asarray(picture.convert("L"))
    height, width = grey.shape
    for rows in (slice(0, height // 2), slice(height // 2, None)):
        for columns in (slice(0, width // 2), slice(width // 2, None)):
            assert (grey[rows, columns] < 128).sum() > 500


def test_weights_of_a_run_are_rounded_as_their_release_would_be(reals: Path, tmp_path: Path) -> None:
    shape = {"config": COMPACT.as_json(), "preprocessing": asdict(Preprocessing()), "scores": {}}
    torch.save({"model": small_model(COMPACT).state_dict(), **shape}, tmp_path / "average.pt")
    here = rounded_here(checkpoint_in(tmp_path / "average.pt"), RULE)
    for weight, expected in zip(here, rounded_here(checkpoint_in(reals), RULE), strict=True):
        assert weight.layer == expected.layer
        assert np.array_equal(weight.rounded, expected.rounded)


def test_what_the_command_cannot_use_is_said_in_one_line(
    integers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, message in ((integers, "holds integers already"), (tmp_path / "none.safetensors", "cannot be used")):
        assert main([str(path), "--out", str(tmp_path)]) == 1
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_picture_and_numbers(
    reals: Path, integers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(integers), "--reference", str(reals), "--out", str(tmp_path / "figures")]) == 0
    assert "dB" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["integers-quantization-error.json", "integers-quantization-error.png"]
    found = json.loads((tmp_path / "figures" / names[0]).read_text())
    assert found["sha256"] == read_checkpoint(integers).sha256
    assert "image_encoder.blocks.0.mlp.lin1" in found["layers"]
