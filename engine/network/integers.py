"""Whether this CPU adds up 8-bit products without losing any.

Without instructions for 8-bit dot products (VNNI, AMX and their like), OpenVINO's kernels add pairs of products in 16
bits, and large ones saturate: 64 times 127 x 127 came out as 8,160 instead of 1,032,256 on a CPU with AVX2 alone. No
error is raised, and outlines are quietly wrong. So the arithmetic is tried, not looked up: flags differ by vendor and
operating system, and what counts is the result.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from engine.network.checkpoint import ATTENTION_SCALES, Checkpoint
from engine.network.openvino_runtime import load_openvino
from engine.network.quantized import INT8_LIMIT, float_tensors

# The plugin's switch for turning rounded layers into integer ones. Off, the same rounded values are multiplied in
# float32, which holds every sum of up to 1,040 such products exactly and longer ones to its own rounding.
IN_FLOAT32 = {"LP_TRANSFORMS_MODE": "NO"}
# On a CPU with VNNI the plugin otherwise rounds the inputs of layers with compressed weights by scales of its own.
NO_OTHER_QUANTIZER = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}

_INPUTS, _OUTPUTS = 256, 32


def with_real_weights(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint to draw there: the reals that its integers stand for, inputs rounded all the same.

    Left as integers, the plugin would make reals of them again for every film and every box.
    """
    rounding = ("input_scale", *ATTENTION_SCALES)
    scales = {name: scale for name, scale in checkpoint.tensors.items() if name.endswith(rounding)}
    return replace(checkpoint, tensors=float_tensors(checkpoint.tensors) | scales) if scales else checkpoint


@cache
def adds_up() -> bool:
    """Whether layers in integers give what integers give, on the largest that there are. Asked once a process."""
    return _largest_sum({}) == INT8_LIMIT * INT8_LIMIT * _INPUTS


def _largest_sum(properties: dict[str, Any]) -> float:
    from engine.network.graph_layers import Layers, ops, ov

    tensors: dict[str, np.ndarray[Any, Any]] = {
        "a.weight": np.full((_OUTPUTS, _INPUTS), INT8_LIMIT, dtype=np.int8),
        "a.weight_scale": np.ones(_OUTPUTS, dtype=np.float32),
        "a.input_scale": np.ones(1, dtype=np.float32),
    }
    x = ops.parameter([1, 16, _INPUTS], np.float32)
    graph = ov.Model([ops.result(Layers(tensors, "").linear(x, "a"))], [x])
    plain = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1} | NO_OTHER_QUANTIZER
    compiled = load_openvino().Core().compile_model(graph, "CPU", plain | properties)
    sums = compiled([np.full((1, 16, _INPUTS), INT8_LIMIT, dtype=np.float32)])[0]
    return float(sums.min()) if sums.min() == sums.max() else float("nan")
