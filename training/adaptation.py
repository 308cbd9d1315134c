"""How a pretrained network is changed: which adapters, what trains, what is rounded. Every row of the paper is a value.

"The paper" is AdaLoRA-QAT (arXiv 2604.01167); where its text and its released code differ, both are rows here.
"""

from dataclasses import dataclass, replace
from typing import Literal

from engine.errors import LungboxError

Part = Literal["encoder", "P", "L", "Q", "decoder", "prompt encoder"]  # P, L and Q are the adapters' factors

Place = Literal[
    "encoder mlp",  # lin1 and lin2 of every block
    "encoder projection",  # attn.proj
    "encoder qkv",  # with the adapters merged in
    "encoder attention",  # the two products inside attention
    "encoder convolutions",  # stem, patches, neck, skips; not the first, which reads the film
    "decoder linears",
    "decoder convolutions",
    "prompt encoder",  # the paper lists it as INT8, but it holds embeddings and no linear layer: nothing is rounded
]

PAPER_PLACES: tuple[Place, ...] = ("encoder mlp", "encoder projection", "decoder linears", "prompt encoder")
_MATRICES: tuple[Place, ...] = ("encoder mlp", "encoder projection", "encoder qkv", "decoder linears")


class RecipeError(LungboxError):
    """Settings of a training run that cannot work; found before its first step."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A reduction of the rank when an epoch begins; the first epoch is 1."""

    epoch: int
    rank: int  # mean rank left in each masked matrix


# The paper: 48 to 32 "at epochs 3, 7 and 12". Its code goes to 32 at epoch 3 and the other two do nothing; here all
# three act, in steps as even as integers allow.
PAPER_CUTS = (Cut(3, 43), Cut(7, 37), Cut(12, 32))


@dataclass(frozen=True, slots=True)
class Adapters:
    """Low-rank triplets on query, key and value of every encoder block: dW = scaling * P diag(L * mask) Q."""

    kind: Literal["adalora", "lora"] = "adalora"  # lora: L stays 1, P starts at 0, Q random, the rank is fixed
    rank: int = 48
    alpha: float = 32.0  # the paper's code
    scaling_rank: int = 32  # scaling = alpha / this; the paper's code divides by the rank it ends with
    initial_l: float = 0.0  # 0: the network is unchanged at step 0; the paper's code starts at 0.1
    cuts: tuple[Cut, ...] = PAPER_CUTS
    # "layer": as many in every layer (the paper's code). "global": one budget for all (AdaLoRA), so ranks differ.
    allocator: Literal["layer", "global"] = "layer"
    # One mask for q, k and v of a block (the paper's code), or one for each (AdaLoRA).
    mask_of: Literal["block", "matrix"] = "block"
    smoothing: float = 0.9  # of the importance |l dL/dl|, an exponential mean over steps; the paper's code
    # "sum of norms": the paper's code, over all P and Q. "mean of squares": smooth at its optimum, of what is live.
    orthogonality: Literal["sum of norms", "mean of squares"] = "sum of norms"
    orthogonality_weight: float = 0.003  # the paper

    def __post_init__(self) -> None:
        if self.rank < 1 or self.scaling_rank < 1 or self.alpha <= 0:
            raise RecipeError(f"adapters of rank {self.rank}, alpha {self.alpha} / {self.scaling_rank} have no effect")
        if not 0.0 <= self.smoothing < 1.0:
            raise RecipeError(f"smoothing {self.smoothing} is not in [0, 1)")
        if self.kind == "lora" and self.cuts:
            raise RecipeError("LoRA has a fixed rank, and cuts were asked for", advice="Use cuts=().")
        rank, epoch = self.rank, 1
        for cut in self.cuts:
            if cut.epoch <= epoch:
                raise RecipeError(
                    f"a cut at epoch {cut.epoch} cannot follow epoch {epoch}",
                    advice="The first epoch is 1, it only measures importance, and each cut comes later than the last.",
                )
            if not 0 < cut.rank < rank:
                raise RecipeError(f"the cut at epoch {cut.epoch} to rank {cut.rank} does not reduce rank {rank}")
            rank, epoch = cut.rank, cut.epoch

    @property
    def scaling(self) -> float:
        """Factor of the low-rank product."""
        return self.alpha / self.scaling_rank

    @property
    def final_rank(self) -> int:
        """Mean rank that is left in the end."""
        return self.cuts[-1].rank if self.cuts else self.rank


@dataclass(frozen=True, slots=True)
class Quantization:
    """What is rounded, and how; the rule itself is `engine.network.quantized`."""

    places: tuple[Place, ...] = PAPER_PLACES
    four_bits: tuple[Place, ...] = ()  # those of the places whose weights have 4 bits in the file
    group: int = 32  # inputs that share a 4-bit scale
    weight_scale: Literal["tensor", "row"] = "row"  # the paper: one for the tensor
    activations: Literal["static", "none"] = "static"  # the paper: none, and so no integer arithmetic
    activation_range: Literal["largest", "mean of largest", "percentile", "least squares"] = "least squares"
    percentile: float = 99.99

    def __post_init__(self) -> None:
        if not set(self.four_bits) <= set(self.places) & set(_MATRICES):
            raise RecipeError(
                f"4 bits were asked for in {', '.join(self.four_bits)}",
                advice="Only rounded linear layers can have them.",
            )
        if self.four_bits and self.weight_scale != "row":
            raise RecipeError("4-bit weights have a scale for each row and group", advice='Use weight_scale="row".')
        if not 50.0 < self.percentile <= 100.0:
            raise RecipeError(f"percentile {self.percentile} is not in (50, 100]")
        if "encoder attention" in self.places and self.activations == "none":
            raise RecipeError(
                "rounding inside attention needs calibrated activations", advice='Use activations="static".'
            )


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a released file holds: integers where `quantization` says, and the rest."""

    quantization: Quantization | None
    rest: Literal["float32", "float16"]


_INT8_PLACES: tuple[Place, ...] = (*_MATRICES, "prompt encoder")
_ALL_PLACES: tuple[Place, ...] = (*_INT8_PLACES, "encoder convolutions", "decoder convolutions", "encoder attention")

_SMALLEST: tuple[Place, ...] = ("encoder mlp", "encoder projection")  # the paper's places in the encoder

SCHEMES: dict[str, Scheme] = {
    "float32": Scheme(None, "float32"),
    "float16": Scheme(None, "float16"),
    "int8 paper, float32": Scheme(Quantization(weight_scale="tensor"), "float32"),
    "int8 paper, float16": Scheme(Quantization(weight_scale="tensor"), "float16"),
    # As the paper trains: weights alone, so that nothing is multiplied in integers.
    "int8 paper, weights alone": Scheme(Quantization(weight_scale="tensor", activations="none"), "float32"),
    "int8 decoder, weights alone": Scheme(
        Quantization(("decoder linears", "prompt encoder"), weight_scale="tensor", activations="none"), "float32"
    ),
    "int8": Scheme(Quantization(_INT8_PLACES), "float16"),
    "int8 everywhere": Scheme(Quantization(_ALL_PLACES), "float16"),
    # Row by row, where 8 bits begin to matter (training.schemes).
    "int8 mlp, projection": Scheme(Quantization(_SMALLEST), "float16"),
    "int8 mlp, projection, qkv": Scheme(Quantization(_MATRICES[:3]), "float16"),
    "int8 encoder, attention": Scheme(Quantization((*_MATRICES[:3], "encoder attention")), "float16"),
    "int8 mlp, projection, decoder": Scheme(Quantization(PAPER_PLACES), "float16"),
    "int4 mlp, projection": Scheme(Quantization(_SMALLEST, four_bits=_SMALLEST), "float16"),
    "int4 mlp": Scheme(Quantization(_INT8_PLACES, four_bits=("encoder mlp",)), "float16"),
    "int4 encoder": Scheme(Quantization(_INT8_PLACES, four_bits=_MATRICES[:3]), "float16"),
    "int4": Scheme(Quantization(_INT8_PLACES, four_bits=_MATRICES), "float16"),
    "int4 everywhere": Scheme(Quantization(_ALL_PLACES, four_bits=_MATRICES), "float16"),
}


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One row: adapters, trainable parts, rounding, and the numbers of its optimizer."""

    trains: tuple[Part, ...]
    adapters: Adapters | None = None  # None: adapters that are there from an earlier stage are merged
    quantization: Quantization | None = None
    epochs: int = 25
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4  # never on L
    gradient_norm: float = 1.0

    def __post_init__(self) -> None:
        factors = {"P", "L", "Q"} & set(self.trains)
        if factors and self.adapters is None:
            raise RecipeError(f"{', '.join(sorted(factors))} cannot train without adapters")
        if not self.trains and self.epochs:
            raise RecipeError("nothing trains", advice="Use epochs=0 for rounding without training.")
        if self.adapters is None:
            return
        if self.adapters.kind == "lora" and "L" in factors:
            raise RecipeError("LoRA has no L to train: it stays 1")
        if self.adapters.cuts and "L" not in factors:
            raise RecipeError("importance needs the gradient of L, which is frozen", advice="Use cuts=().")
        late = [cut.epoch for cut in self.adapters.cuts if cut.epoch > self.epochs]
        if late:
            raise RecipeError(f"a cut at epoch {late[0]} of {self.epochs} never comes")


def _lora(rank: int) -> Adaptation:
    adapters = Adapters(kind="lora", rank=rank, scaling_rank=rank, initial_l=1.0, cuts=(), orthogonality_weight=0.0)
    return Adaptation(("P", "Q"), adapters)


_ADALORA = Adapters()
_SETTLED = replace(_ADALORA, cuts=())  # stage 2: the masks are those that stage 1 left
_PAPER_INT8 = SCHEMES["int8 paper, weights alone"].quantization
_FULL_QAT = Adaptation(
    ("P", "L", "Q", "decoder", "prompt encoder"),
    _SETTLED,
    SCHEMES["int8 mlp, projection, decoder"].quantization,
    epochs=10,
    learning_rate=1e-5,
    weight_decay=1e-5,
)
_WHOLE_INT4 = Adaptation(
    ("encoder", "decoder", "prompt encoder"),
    quantization=SCHEMES["int4"].quantization,
    epochs=10,
    learning_rate=5e-5,
    weight_decay=1e-5,
)

# The paper's rows, stage 1: from a pretrained network. Its code: 25 epochs, weight decay 1e-4, alpha 32. It publishes
# no learning rate that we could read for this stage: 1e-4 is ours.
STAGE_1: dict[str, Adaptation] = {
    "decoder": Adaptation(("decoder",)),
    "lora-8": _lora(8),
    "lora-16": _lora(16),
    "lora-32": _lora(32),
    "adalora": Adaptation(("P", "L", "Q"), _ADALORA),
    "hybrid": Adaptation(("P", "L", "Q", "decoder"), _ADALORA),
    "decoder-qat": Adaptation(("decoder",), quantization=SCHEMES["int8 decoder, weights alone"].quantization),
}

# Stage 2: from the result of "hybrid". 10 epochs, weight decay 1e-5 (its code).
STAGE_2: dict[str, Adaptation] = {
    # What the paper writes: L alone, at 1e-6, and no orthogonality (its equation 4).
    "full-qat-text": Adaptation(
        ("L",),
        replace(_SETTLED, orthogonality_weight=0.0),
        _PAPER_INT8,
        epochs=10,
        learning_rate=1e-6,
        weight_decay=0.0,
    ),
    # What its code does: L frozen, the rest at 5e-7.
    "full-qat-code": Adaptation(
        ("P", "Q", "decoder", "prompt encoder"), _SETTLED, _PAPER_INT8, epochs=10, learning_rate=5e-7, weight_decay=1e-5
    ),
    # Integer arithmetic, not only integer weights: activations are rounded too, so everything small trains against it.
    "full-qat": _FULL_QAT,
    # The same with QKV in 8 bits too, as our files are shipped; and with 4 bits in the file.
    "full-qat-int8": replace(_FULL_QAT, quantization=SCHEMES["int8"].quantization),
    "full-qat-int4": replace(_FULL_QAT, quantization=SCHEMES["int4"].quantization),
    # A network of our own was never frozen: all of it trains against 4 bits, adapters merged if there were any.
    "whole-qat-int4": _WHOLE_INT4,
    # The smallest and fastest file: every place rounded, its matrices to 4 bits.
    "whole-qat-int4-everywhere": replace(_WHOLE_INT4, quantization=SCHEMES["int4 everywhere"].quantization),
    # No training at all: what rounding alone costs.
    "rounded": Adaptation((), _SETTLED, _FULL_QAT.quantization, epochs=0),
}

ROWS = STAGE_1 | STAGE_2
