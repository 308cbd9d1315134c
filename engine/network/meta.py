"""Meta's published SAM files (.pth), and others in their form: read by torch's restricted unpickler, or refused."""

import hashlib
import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import CheckpointError
from engine.network.checkpoint import Checkpoint, check_tensors
from engine.network.config import ModelConfig, Preprocessing, sam_config

_KINDS: dict[int, Literal["vit_b", "vit_l", "vit_h"]] = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
# segment_anything/modeling/sam.py: mean and deviation of ImageNet's colours, of values 0 to 255.
_PREPROCESSING = Preprocessing(
    mean=(123.675 / 255, 116.28 / 255, 103.53 / 255), std=(58.395 / 255, 57.12 / 255, 57.375 / 255)
)
# torch has no error of its own for a file that is not what it should be (docs: none; seen: all of these).
_LOAD_FAULTS = (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError, IndexError, OSError)
_ADVICE = "Get one of the files that segment-anything publishes, or use the bundled model."


def checkpoint_from_meta(data: bytes, path: Path) -> Checkpoint:
    """Return the network in a file as segment-anything publishes them. Nothing in it is executed."""
    if importlib.util.find_spec("torch") is None:
        raise CheckpointError(
            f"{path.name}: a torch file, and torch is not installed.", advice="Install Lungbox with its torch extra."
        )
    import torch

    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (*_LOAD_FAULTS, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path.name}: the torch file is damaged, or holds more than weights.", advice=_ADVICE
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path.name}: the torch file holds no weights of a network.", advice=_ADVICE)
    tensors: dict[str, NDArray[Any]] = {str(name): value.float().numpy() for name, value in state.items()}
    config = _config(tensors, path)
    check_tensors(tensors, config, path.name)
    for tensor in tensors.values():
        tensor.flags.writeable = False
    return Checkpoint(
        name=f"segment-anything {_KINDS[config.embed_dim]}",
        version="1.0",
        config=config,
        preprocessing=_PREPROCESSING,
        tensors=tensors,
        sha256=hashlib.sha256(data).hexdigest(),
        scheme="float32",
        card={"note": "weights in segment-anything's form; never trained on radiographs by Lungbox"},
        path=path,
    )


def _config(tensors: dict[str, NDArray[Any]], path: Path) -> ModelConfig:
    """Return the configuration that the shapes of the weights tell."""
    position = tensors.get("image_encoder.pos_embed", np.empty(0))
    if position.ndim != 4 or position.shape[1] != position.shape[2] or position.shape[3] not in _KINDS:
        raise CheckpointError(f"{path.name}: not one of segment-anything's networks.", advice=_ADVICE)
    return sam_config(_KINDS[position.shape[3]], int(position.shape[1]) * 16)
