"""What training minimises. All sums are float32, also under autocast."""

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from training.adalora import AdaLoraQkv, Triplet
from training.adaptation import Adapters


def cross_entropy(logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean binary cross-entropy of (N, h, w) logits; `weight` says how much each pixel counts."""
    return F.binary_cross_entropy_with_logits(logits.float(), targets.float(), weight=weight)


def soft_dice(logits: Tensor, targets: Tensor) -> Tensor:
    """Return 1 - the mean Dice of (N, h, w) probabilities, each mask counting the same.

    One pixel is added above and below, so that an empty mask that is found empty costs nothing.
    """
    p, truth = logits.float().sigmoid(), targets.float()
    both, total = (p * truth).sum((1, 2)), p.sum((1, 2)) + truth.sum((1, 2))
    return 1.0 - ((2.0 * both + 1.0) / (total + 1.0)).mean()


def mask_loss(logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the paper's segmentation loss: cross-entropy + Dice, one to one."""
    return cross_entropy(logits, targets, weight) + soft_dice(logits, targets)


def _gram_error(columns: Tensor) -> Tensor:
    """Return C' C - I of a matrix whose columns should be orthonormal."""
    return columns.T @ columns - torch.eye(columns.shape[1], device=columns.device)


def orthogonality(triplets: Iterable[Triplet], form: Literal["sum of norms", "mean of squares"]) -> Tensor:
    """Return how far the columns of P and the rows of Q are from orthonormal.

    "sum of norms" is the paper's code: the Frobenius norms of all P and Q added up, dead components too.
    "mean of squares" has a gradient at its optimum, does not grow with the depth, and asks nothing of the dead.
    """
    errors: list[Tensor] = []
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        for triplet in triplets:
            for columns in (triplet.p.float(), triplet.q.float().T):
                if form == "sum of norms":
                    errors.append(torch.linalg.matrix_norm(_gram_error(columns)))
                else:
                    live = columns[:, triplet.mask.bool()]
                    errors.append(_gram_error(live).square().sum())
    total = torch.stack(errors).sum()
    return total if form == "sum of norms" else total / len(errors)


def adapter_loss(layers: Iterable[AdaLoraQkv], adapters: Adapters | None) -> Tensor:
    """Return what the adapters of a network add to the loss: 0 where the recipe has none, or asks nothing of them."""
    triplets = [triplet for layer in layers for triplet in layer.triplets]
    if adapters is None or not adapters.orthogonality_weight or not triplets:
        return torch.zeros(())
    return adapters.orthogonality_weight * orthogonality(triplets, adapters.orthogonality)
