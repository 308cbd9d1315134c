"""The range of a layer's inputs, seen film by film, and the scale that it asks for."""

import torch
from torch import Tensor

from engine.network.quantized import INT8_LIMIT
from training.adaptation import Quantization, RecipeError

_BINS = 4096
_SMOOTHING = 0.9  # of the mean of each film's largest magnitude
_CANDIDATES = 100  # limits tried, evenly from a hundredth of the largest magnitude to all of it


class ActivationRange:
    """A histogram of magnitudes whose range doubles when it must, so that no film has to be kept."""

    def __init__(self) -> None:
        self.counts = torch.zeros(_BINS, dtype=torch.float64)
        self.limit = 0.0  # upper edge of the last bin
        self.largest = 0.0
        self.mean_of_largest = 0.0

    @torch.no_grad()
    def see(self, x: Tensor) -> None:
        """Take in one batch."""
        size = x.detach().float().abs()
        top = float(size.amax())
        if not top < float("inf"):
            raise RecipeError("calibration met inputs that are not numbers")
        self.mean_of_largest = _SMOOTHING * self.mean_of_largest + (1.0 - _SMOOTHING) * top if self.limit else top
        self.largest = max(self.largest, top)
        if not self.limit:
            self.limit = top
        while self.limit and top > self.limit:
            self.counts[: _BINS // 2] = self.counts.view(-1, 2).sum(dim=1)
            self.counts[_BINS // 2 :] = 0.0
            self.limit *= 2.0
        if self.limit:
            self.counts += torch.histc(size, _BINS, 0.0, self.limit).cpu().double()

    def range(self, rule: Quantization) -> float:
        """Return the magnitude that becomes 127."""
        if not self.counts.any():
            raise RecipeError("calibration saw no inputs, or only zeros", advice="Run films through the whole model.")
        match rule.activation_range:
            case "largest":
                return self.largest
            case "mean of largest":
                return self.mean_of_largest
            case "percentile":
                share = self.counts.cumsum(0) / self.counts.sum()
                first = int(torch.searchsorted(share, rule.percentile / 100.0))
                return min(self.largest, (first + 1) / _BINS * self.limit)
            case "least squares":
                return self._least_squares()

    def _least_squares(self) -> float:
        """Return the limit at which rounding and clipping together lose least."""
        centres = (torch.arange(_BINS, dtype=torch.float64) + 0.5) / _BINS * self.limit
        best, least = self.largest, float("inf")
        for step in range(1, _CANDIDATES + 1):
            limit = self.largest * step / _CANDIDATES
            scale = limit / INT8_LIMIT
            inside = centres <= limit
            # Within the limit a rounded value is off by a uniform error of variance scale^2 / 12.
            lost = torch.where(inside, torch.full_like(centres, scale**2 / 12), (centres - limit).square())
            error = float((self.counts * lost).sum())
            if error < least:
                best, least = limit, error
        return best
