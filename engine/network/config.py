"""What a checkpoint says of itself: the network's shape and the transform that its films go through."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The one transform from modality values to model input; it belongs to the weights (engine.model_input)."""

    low_percentile: float = 0.5  # of the valid pixels, after polarity: dense tissue is always bright
    high_percentile: float = 99.5
    mean: tuple[float, ...] = (0.5,)  # one per input channel, of values 0 to 1
    std: tuple[float, ...] = (0.25,)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network. `sam` is segment-anything's own; `compact` has a convolutional stem with skips to the decoder."""

    kind: Literal["sam", "compact"] = "compact"
    image_size: int = 512
    patch_size: int = 16
    in_channels: int = 1
    embed_dim: int = 192
    depth: int = 8
    heads: int = 3
    mlp_ratio: float = 4.0
    window_size: int = 0  # 0: every block attends globally
    global_blocks: tuple[int, ...] = ()
    stem: tuple[int, ...] = (24, 48, 96)  # channels at stride 2, 4, 8; compact only
    decoder_dim: int = 256
    decoder_mlp: int = 1024
    decoder_depth: int = 2
    decoder_heads: int = 8

    @property
    def grid(self) -> int:
        """Side of the embedding."""
        return self.image_size // self.patch_size

    @property
    def mask_size(self) -> int:
        """Side of the mask logits."""
        return self.image_size // 2 if self.kind == "compact" else self.grid * 4

    def as_json(self) -> dict[str, Any]:
        """Return plain values for the checkpoint's header."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> "ModelConfig":
        """Return the configuration written by `as_json`."""
        lists = {"global_blocks", "stem"}
        typed: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in values.items()}
        return ModelConfig(**typed)


def sam_config(kind: Literal["vit_b", "vit_l", "vit_h"], image_size: int = 1024) -> ModelConfig:
    """Return the shape of one of Meta's published models (segment_anything/build_sam.py)."""
    dim, depth, heads, global_blocks = {
        "vit_b": (768, 12, 12, (2, 5, 8, 11)),
        "vit_l": (1024, 24, 16, (5, 11, 17, 23)),
        "vit_h": (1280, 32, 16, (7, 15, 23, 31)),
    }[kind]
    return ModelConfig(
        kind="sam",
        image_size=image_size,
        in_channels=3,
        embed_dim=dim,
        depth=depth,
        heads=heads,
        window_size=14,
        global_blocks=global_blocks,
        stem=(),
        decoder_mlp=2048,
    )
