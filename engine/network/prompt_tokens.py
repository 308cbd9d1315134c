"""SAM's prompt encoder in numpy: points and boxes to tokens, and the positions of the embedding's places."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.network.config import ModelConfig


class PromptTokens:
    """SAM's sparse prompt embeddings, in float32: sines of large angles mean nothing in bfloat16."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], config: ModelConfig) -> None:
        names = ("not_a_point_embed", *(f"point_embeddings.{index}" for index in range(4)))
        self._kinds = np.concatenate([tensors[f"prompt_encoder.{name}.weight"] for name in names]).astype(np.float32)
        self._frequencies = tensors["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].astype(np.float32)
        self._size = config.image_size

    def encoding(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (..., C) for coordinates (..., 2) from 0 to 1."""
        angles = np.float32(2 * np.pi) * ((2 * unit - 1).astype(np.float32) @ self._frequencies)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)

    def grid(self, side: int) -> NDArray[np.float32]:
        """Return (side * side, C), the encoding of the embedding's places, row by row."""
        centres = ((np.arange(side) + 0.5) / side).astype(np.float32)
        x, y = np.meshgrid(centres, centres)
        return self.encoding(np.stack([x, y], axis=-1).reshape(-1, 2))

    def embed(self, coordinates: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, K, C) for coordinates (N, K, 2) and labels (N, K)."""
        encoded = self.encoding((coordinates.astype(np.float32) + np.float32(0.5)) / np.float32(self._size))
        encoded[labels < 0] = 0.0
        return encoded + self._kinds[(labels + 1).astype(np.intp)]
