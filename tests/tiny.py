"""A real, tiny, randomly initialised network as a checkpoint: everything runs, nothing is learned."""

from pathlib import Path

import numpy as np
import torch

from engine.network.checkpoint import read_checkpoint, write_checkpoint
from engine.network.config import ModelConfig, Preprocessing
from engine.network.model import LungModel
from engine.segmenter import Segmenter, load_segmenter

TINY = ModelConfig(
    image_size=64, embed_dim=48, depth=2, heads=3, stem=(4, 8, 8), decoder_dim=32, decoder_mlp=64, decoder_heads=4
)


def tiny_checkpoint(path: Path, config: ModelConfig = TINY, seed: int = 3) -> Path:
    """Write a checkpoint of a randomly initialised network and return its path."""
    torch.manual_seed(seed)
    model = LungModel(config).eval()
    tensors = {name: value.numpy() for name, value in model.state_dict().items()}
    floats = {name: value for name, value in tensors.items() if np.issubdtype(value.dtype, np.floating)}
    write_checkpoint(
        path,
        name="tiny",
        version="0",
        config=config,
        preprocessing=Preprocessing(),
        tensors=floats,
        scheme="float32",
        card={"note": "random weights, for tests"},
    )
    assert read_checkpoint(path).config == config
    return path


def tiny_segmenter(folder: Path) -> Segmenter:
    """Return a segmenter over a tiny checkpoint on the CPU."""
    return load_segmenter(tiny_checkpoint(folder / "tiny.safetensors"), "cpu")
