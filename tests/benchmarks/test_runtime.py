"""A table of speeds says by which bars the machine that it was measured on can be judged."""

import pytest

from benchmarks.runtime import DECODER_GOAL, ENCODER_GOALS, _integer_parts, shortcomings

WHOLE = {"vnni": True, "bfloat16": True, "integers_add_up": True}


def test_a_cpu_with_all_that_the_bars_were_set_with_is_judged_by_all() -> None:
    assert "can be judged by all" in shortcomings(WHOLE)


@pytest.mark.parametrize("lost", [("vnni",), ("bfloat16",), ("vnni", "bfloat16", "integers_add_up")])
def test_what_is_lacking_and_which_bars_fall_is_said(lost: tuple[str, ...]) -> None:
    text = shortcomings(WHOLE | dict.fromkeys(lost, False))
    assert ("VNNI" in text) == ("vnni" in lost)
    assert ("lacks bfloat16" in text or "and bfloat16" in text) == ("bfloat16" in lost)
    assert ("multiplied in float32" in text) == ("integers_add_up" in lost)
    barred = text.split("cannot be judged by: ")[1].split(". It can")[0]
    assert all(f"{name} {goal:.0f}x" in barred for name, goal in ENCODER_GOALS.items())
    assert (f"decoder {DECODER_GOAL:.0f}x" in barred) == ("bfloat16" in lost)


def test_integers_that_run_in_float32_are_held_against_the_limit_of_float32() -> None:
    variant = "OpenVINO int8 (mlp, projection, qkv) + f32"
    assert _integer_parts(variant, adds_up=True) == ("mlp", "projection", "qkv")
    assert _integer_parts(variant, adds_up=False) == ()
