"""A checkpoint as two OpenVINO models: frame to features, features and prompts to masks."""

from typing import Any

import numpy as np

from engine.network.checkpoint import Checkpoint
from engine.network.graph_decoder import draw_compact_decoder, draw_film_side, draw_sam_decoder
from engine.network.graph_encoder import draw_encoder
from engine.network.graph_layers import Layers, Node, channels_first, channels_last, ops, ov
from engine.network.prompt_tokens import PromptTokens

_TOKENS = 4  # of a film's features, the first: keys, and their projections; maps follow


def encoder_model(checkpoint: Checkpoint, *, halves: bool = False, kept_as: str = "f32") -> Any:
    """Return the graph of one frame (1, channels, size, size) to the film's side of the decoder.

    With `halves`, the frame comes as high and low halves of bfloat16 (engine.network.bfloat16). Features leave as they
    are kept between encoder and decoder: in `kept_as` ("f32", "bf16"), maps with their channels last.
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
    features = (*film, *(channels_last(node) for node in details))
    return ov.Model([ops.result(ops.convert(node, kept_as)) for node in features], [frame], "encoder")


def decoder_model(checkpoint: Checkpoint, film: list[Any]) -> Any:
    """Return the graph of prompt tokens (N, K, C) and a film's features to logits (N, h, h) and quality (N,).

    `film` holds the encoder's outputs, or anything else that tells their shapes and types.
    """
    config, tensors = checkpoint.config, checkpoint.tensors
    sparse = ops.parameter([-1, -1, config.decoder_dim], np.float32, "sparse")
    kept: list[Node] = [
        ops.parameter(list(one.shape), one.element_type, f"feature_{index}") for index, one in enumerate(film)
    ]
    features = [ops.convert(one, "f32") for one in kept]
    features[_TOKENS:] = [channels_first(one) for one in features[_TOKENS:]]
    layers = Layers(tensors, "mask_decoder.")
    position = PromptTokens(tensors, config).grid(config.grid)
    draw = draw_compact_decoder if config.kind == "compact" else draw_sam_decoder
    logits, quality = draw(layers, config, position, sparse, tuple(features))
    return ov.Model([ops.result(logits), ops.result(quality)], [sparse, *kept], "decoder")
