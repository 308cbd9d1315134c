"""The one interface behind which OpenVINO and torch run the same checkpoint."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.network.checkpoint import Checkpoint


class Backend(Protocol):
    """Runs one checkpoint on one device."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights it runs, with their hash, configuration and preprocessing."""
        ...

    @property
    def description(self) -> str:
        """Runtime, version, device and precision in one line: for status bar, doctor and every result."""
        ...

    @property
    def device(self) -> str:
        """"CPU" or the GPU's name."""
        ...

    def encode(self, frame: NDArray[np.float32]) -> Any:
        """Return the features of one (channels, size, size) frame, in whatever form `decode` takes them."""
        ...

    def decode(
        self, features: Any, coordinates: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, h, h) and quality (N,) for N prompts of K tokens: coordinates (N, K, 2), labels (N, K)."""
        ...
