"""A checkpoint as two OpenVINO models: frame to features, features and prompts to masks."""

from typing import Any

import numpy as np

from engine.network.checkpoint import Checkpoint
from engine.network.graph_decoder import draw_compact_decoder, draw_film_side, draw_sam_decoder
from engine.network.graph_encoder import draw_encoder
from engine.network.graph_layers import Layers, Node, ops, ov
from engine.network.prompt_tokens import PromptTokens


def encoder_model(checkpoint: Checkpoint, *, halves: bool = False) -> Any:
    """Return the graph of one frame (1, channels, size, size) to the film's side of the decoder.

    With `halves`, the frame comes as high and low halves of bfloat16 (engine.network.bfloat16).
    """
    config, tensors = checkpoint.config, checkpoint.tensors
    layers = Layers(tensors, "image_encoder.")
    channels = config.in_channels * (3 if halves else 1)
    frame = ops.parameter([1, channels, config.image_size, config.image_size], np.float32, "frame")
    embedding, *details = draw_encoder(layers, config, frame)
    film = draw_film_side(
        Layers(tensors, "mask_decoder."),
        config,
        PromptTokens(tensors, config).grid(config.grid),
        embedding,
        Layers(tensors, "prompt_encoder.").array("no_mask_embed.weight"),
    )
    return ov.Model([ops.result(node) for node in (*film, *details)], [frame], "encoder")


def decoder_model(checkpoint: Checkpoint, film_shapes: list[Any]) -> Any:
    """Return the graph of prompt tokens (N, K, C) and a film's features to logits (N, h, h) and quality (N,)."""
    config, tensors = checkpoint.config, checkpoint.tensors
    sparse = ops.parameter([-1, -1, config.decoder_dim], np.float32, "sparse")
    features: list[Node] = [
        ops.parameter(shape, np.float32, f"feature_{index}") for index, shape in enumerate(film_shapes)
    ]
    layers = Layers(tensors, "mask_decoder.")
    position = PromptTokens(tensors, config).grid(config.grid)
    draw = draw_compact_decoder if config.kind == "compact" else draw_sam_decoder
    logits, quality = draw(layers, config, position, sparse, tuple(features))
    return ov.Model([ops.result(logits), ops.result(quality)], [sparse, *features], "decoder")
