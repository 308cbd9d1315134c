"""What this machine's matrix products reach: the limit that an encoder is held against."""

import statistics
import time
from collections.abc import Callable

import torch

# (rows, inputs, outputs) of ViT-B's layers at 1024 px and 512 px, and of a compact network's.
SHAPES = ((4096, 768, 3072), (4096, 3072, 768), (4096, 768, 768), (1024, 768, 3072), (1024, 192, 768))
_REPEATS = 7


def _rate(call: Callable[[], object], shape: tuple[int, int, int]) -> float:
    rows, inputs, outputs = shape
    call()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 2e-9 * rows * inputs * outputs / statistics.median(times)


def _products(shape: tuple[int, int, int]) -> dict[str, Callable[[], object]]:
    rows, inputs, outputs = shape
    x, weight = torch.randn(rows, inputs), torch.randn(inputs, outputs)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous(), rows)
    small, bf16 = torch.randint(-127, 127, (rows, inputs), dtype=torch.int8), torch.bfloat16
    whole = torch.randint(-127, 127, (inputs, outputs), dtype=torch.int8)
    x16, weight16 = x.to(bf16), weight.to(bf16)
    linear = torch.ops.mkldnn._linear_pointwise
    return {
        "float32": lambda: linear(x, packed, None, "none", [], ""),
        "float32, torch.mm": lambda: torch.mm(x, weight),
        "bfloat16": lambda: torch.mm(x16, weight16),
        "int8": lambda: torch._int_mm(small, whole),
    }


def measured_limits() -> dict[str, float]:
    """Return GOP/s by type, the best of the shapes: what the hardware does at its best in this run."""
    best: dict[str, float] = {}
    with torch.inference_mode():
        for shape in SHAPES:
            for name, call in _products(shape).items():
                best[name] = max(best.get(name, 0.0), _rate(call, shape))
    return best
