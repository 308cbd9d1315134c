"""What a training starts from, where not from nothing: a run of ours, a released file, or one of Meta's."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import CheckpointError
from engine.network.checkpoint import read_checkpoint
from engine.network.config import ModelConfig, Preprocessing, sam_config
from engine.network.model import LungModel
from training.warm_start import network_of

# segment_anything/build_sam.py: grey 0 to 1 here, so its 0 to 255 divided by 255.
_META_PREPROCESSING = Preprocessing(mean=(0.4850, 0.4558, 0.4061), std=(0.2290, 0.2240, 0.2250))
_META_KINDS: dict[int, Literal["vit_b", "vit_l", "vit_h"]] = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A pretrained network and the transform that belongs to its weights."""

    config: ModelConfig
    preprocessing: Preprocessing
    scores: dict[str, float]  # Dice on the validation films, where a run has measured it
    about: dict[str, str]  # which file, for what is made of it
    # From frames (channels, size, size): a released file's batch norms have no statistics (training.warm_start).
    network: Callable[[Sequence[NDArray[np.float32]]], LungModel]


def load_base(path: Path) -> Base:
    """Return what is in a run's `average.pt`, stage 0's `pretrained.pt`, a released file, or Meta's sam_vit_*.pth."""
    if path.suffix == ".safetensors":
        checkpoint = read_checkpoint(path)
        about = {"name": checkpoint.name, "version": checkpoint.version, "sha256": checkpoint.sha256}
        return Base(checkpoint.config, checkpoint.preprocessing, {}, about, partial(network_of, checkpoint))
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, BadZipFile, ValueError) as error:
        raise CheckpointError(
            f"{path.name} is not a torch file.", advice="Give average.pt of a run, or Meta's .pth."
        ) from error
    except Exception as error:
        # Unpickling a file that asks for code ends here; its type is private to pickle.
        if type(error).__name__ != "UnpicklingError":
            raise
        raise CheckpointError(f"{path.name} asks to run code.", advice="Get the file from its publisher.") from error
    with path.open("rb") as file:  # piece by piece: Meta's largest file is 2.6 GB
        about = {"name": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    if {"model", "config", "preprocessing"} <= state.keys():
        model = _filled(ModelConfig.from_json(state["config"]), state["model"], path)
        return Base(model.config, Preprocessing(**state["preprocessing"]), state["scores"], about, lambda _: model)
    meta = _filled(_meta_config(state, path), state, path)
    return Base(meta.config, _META_PREPROCESSING, {}, about, lambda _: meta)


def _meta_config(state: dict[str, Any], path: Path) -> ModelConfig:
    position = state.get("image_encoder.pos_embed")
    if position is None or position.ndim != 4 or position.shape[-1] not in _META_KINDS:
        raise CheckpointError(
            f"{path.name} holds no network that we know.", advice="Give Meta's sam_vit_b, l or h file."
        )
    return sam_config(_META_KINDS[position.shape[-1]], image_size=int(position.shape[1]) * 16)


def _filled(config: ModelConfig, state: dict[str, Any], path: Path) -> LungModel:
    model = LungModel(config)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path.name} does not fit the network {config.kind}.", advice="Train it again."
        ) from error
    return model
