"""What an adaptation starts from: a run of ours, a released file, or one of Meta's published files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import torch

from engine.errors import CheckpointError
from engine.network.checkpoint import Checkpoint, read_checkpoint
from engine.network.config import ModelConfig, Preprocessing, sam_config
from engine.network.model import LungModel
from training.warm_start import network_of

# segment_anything/build_sam.py: grey 0 to 1 here, so its 0 to 255 divided by 255.
_META_PREPROCESSING = Preprocessing(mean=(0.4850, 0.4558, 0.4061), std=(0.2290, 0.2240, 0.2250))
_META_KINDS: dict[int, Literal["vit_b", "vit_l", "vit_h"]] = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A pretrained network and the transform that belongs to its weights."""

    model: LungModel
    preprocessing: Preprocessing
    scores: dict[str, float]  # Dice on the validation films, where a run has measured it
    released: Checkpoint | None = None  # whose network has no statistics in its batch norms (training.warm_start)


def load_base(path: Path) -> Base:
    """Return the network in a run's `average.pt`, a released file, or Meta's sam_vit_b, l or h `.pth`."""
    if path.suffix == ".safetensors":
        checkpoint = read_checkpoint(path)
        return Base(network_of(checkpoint, ()), checkpoint.preprocessing, {}, checkpoint)
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
    if {"model", "config", "preprocessing"} <= state.keys():
        config = ModelConfig.from_json(state["config"])
        return Base(_filled(config, state["model"], path), Preprocessing(**state["preprocessing"]), state["scores"])
    return Base(_filled(_meta_config(state, path), state, path), _META_PREPROCESSING, {})


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
