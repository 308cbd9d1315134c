"""The arithmetic of size: the paper's ratios by its counting, and ours by the files that are written."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from engine.network.config import ModelConfig, sam_config
from tests.training.small_model import COMPACT, SAM, small_model
from training.adaptation import ROWS, SCHEMES
from training.sizes import (
    adapter_parameters,
    configuration,
    main,
    measured_bytes,
    paper_count,
    parts,
    tensor_bytes,
    trainable,
    whole_bytes,
)

VIT_B = sam_config("vit_b")


def test_the_parts_of_vit_b_are_known() -> None:
    found = parts(VIT_B)
    assert found["encoder qkv"] == 21_261_312
    assert found["encoder proj"] == 7_087_104
    assert found["encoder lin1"] == 28_348_416
    assert found["encoder lin2"] == 28_320_768
    assert found["encoder convolutions"] == 787_456 - 4 * 256  # the neck without its norms
    assert found["encoder, the rest"] == 3_145_728 + 92_672 + 36_864 + 4 * 256 + 590_592
    assert found["decoder linears"] == 3_978_500
    assert found["decoder, the rest"] == 79_840
    assert found["prompt encoder"] == 6_220
    assert sum(found.values()) == 93_735_472
    assert whole_bytes(VIT_B) / 1e6 == pytest.approx(374.94, abs=0.005)


@pytest.mark.parametrize("config", [COMPACT, SAM, ModelConfig()], ids=["small", "small sam", "compact"])
def test_the_parts_add_up_to_the_network(config: ModelConfig) -> None:
    assert sum(parts(config).values()) == sum(p.numel() for p in small_model(config).parameters())


def test_the_papers_ratios_come_out_of_its_counting() -> None:
    count = paper_count(VIT_B)
    assert f"{count.reduction:.1f}" == "16.6"
    assert f"{count.trainable_percent:.1f}" == "6.1"
    assert f"{count.decoder_reduction:.1f}" == "23.6"
    assert f"{count.decoder_percent:.1f}" == "4.2"
    assert f"{count.float_megabytes:.2f}" == "366.61"
    assert f"{count.mixed_megabytes:.2f}" == "163.40"
    assert f"{count.compression:.4f}" == "2.2436"


def test_adapters_are_as_large_as_the_paper_says() -> None:
    assert adapter_parameters(VIT_B, 48) == 2_655_936
    assert adapter_parameters(VIT_B, 32) == 1_770_624


def test_what_each_row_trains_is_counted_in_its_own_tensors() -> None:
    counted = trainable(VIT_B)
    assert counted.keys() == ROWS.keys()
    assert counted["hybrid"] == 2_655_936 + 4_058_340
    assert counted["full-qat"] == 6_720_496
    assert counted["full-qat-text"] == 12 * 3 * 48
    assert counted["lora-8"] == 12 * 3 * 8 * 2 * 768
    assert counted["rounded"] == 0


@pytest.mark.parametrize("config", [COMPACT, SAM], ids=["compact", "sam"])
@pytest.mark.parametrize("name", SCHEMES)
def test_the_bytes_are_those_of_the_file_that_is_written(name: str, config: ModelConfig, tmp_path: Path) -> None:
    scheme = SCHEMES[name]
    if scheme.quantization is not None:  # the small networks' layers do not divide into groups of 32
        scheme = replace(scheme, quantization=replace(scheme.quantization, group=16))
    written = measured_bytes(config, scheme, tmp_path)
    with (tmp_path / "random.safetensors").open("rb") as file:
        (header,) = struct.unpack("<Q", file.read(8))
    assert written == 8 + header + tensor_bytes(config, scheme)


def test_honest_ratios_of_the_whole_file() -> None:
    ratio = {name: whole_bytes(VIT_B) / tensor_bytes(VIT_B, scheme) for name, scheme in SCHEMES.items()}
    assert ratio["int8 paper, float32"] == pytest.approx(
        2.183, abs=0.01
    )  # the paper's placement is not 2.24x of a file
    assert ratio["int8 paper, float16"] == pytest.approx(3.131, abs=0.01)
    assert ratio["int8"] > 3.803  # 0.05 MB of header leave 3.80 in the file
    assert ratio["int4 mlp"] > 5.0
    assert ratio["int4"] > 6.5


def test_the_command_prints_the_papers_numbers_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "vit_b"]) == 0
    printed = capsys.readouterr().out
    for published in ("16.6x", "6.1 %", "23.6x", "4.2 %", "2.24x"):
        assert f"{published} (the paper: {published})" in printed
    assert "374.94 MB" in printed


@pytest.mark.parametrize(("name", "millions"), [("vit_l", 312.3), ("vit_h", 641.1), ("compact", 7.58)])
def test_the_other_networks_are_counted_too(name: str, millions: float) -> None:
    assert sum(parts(configuration(name)).values()) / 1e6 == pytest.approx(millions, rel=1e-3)
