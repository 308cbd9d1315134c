"""Exposure: Beer-Lambert through the tissues, scatter, blur and quantum noise; then what a vendor makes of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.beam import Plane
from training.phantom.body import Tissue


@dataclass(frozen=True, slots=True)
class Energy:
    """One line of the spectrum: its share of the signal and the linear attenuation, per millimetre, of each tissue.

    Coefficients: NIST XCOM mass attenuation (ICRU-44 tissues) times density.
    """

    kev: float
    share: float
    soft: float
    fat: float
    bone: float  # cortical, 1.92 g/cm3


# Two lines stand for a filtered 120 kVp spectrum: enough for bone to harden the beam.
SPECTRUM = (
    Energy(kev=50, share=0.45, soft=0.0237, fat=0.0200, bone=0.0814),
    Energy(kev=80, share=0.55, soft=0.0191, fat=0.0171, bone=0.0428),
)


@dataclass(frozen=True, slots=True)
class Detector:
    """The receptor and the room. Doses are photons per square millimetre where nothing is in the beam."""

    photons_per_mm2: float = 8e5
    scatter: float = 0.035  # of the primary's collision density that comes back as scatter, grid included
    scatter_spread_mm: float = 32.0
    blur_mm: float = 0.16  # standard deviation of scintillator and focal spot together


def transmission(tissue: Tissue) -> Plane:
    """Return the share of the signal that passes unscattered (Beer-Lambert, summed over the spectrum)."""
    signal = np.zeros_like(tissue.soft)
    for line in SPECTRUM:
        depth = line.soft * tissue.soft + line.fat * tissue.fat + line.bone * tissue.bone
        signal += np.float32(line.share) * np.exp(-depth)
    return signal


def expose(primary: Plane, detector: Detector, spacing_mm: float, rng: np.random.Generator) -> Plane:
    """Return the signal of every pixel, 1 where nothing is in the beam: blurred, scattered, with quantum noise."""
    sharp = _blurred(primary, detector.blur_mm / spacing_mm)
    # Photons scatter where they are taken out of the beam; few leave very thick parts.
    collisions = primary * np.minimum(-np.log(np.maximum(primary, 1e-6)), 4.0)
    scattered = detector.scatter * _wide_blur(collisions, detector.scatter_spread_mm / spacing_mm)
    signal = sharp + scattered
    photons = detector.photons_per_mm2 * spacing_mm**2
    grain = rng.standard_normal(signal.shape, dtype=np.float32)
    noise = np.asarray(grain * np.sqrt(np.maximum(signal, 1e-7) / photons), dtype=np.float32)
    # The scintillator spreads each photon's light, so noise is softer than white, and weaker.
    noise = _blurred(noise, 0.55)
    return np.maximum(signal + noise, np.float32(1e-5))


def processed(signal: Plane, field: NDArray[np.bool_], spacing_mm: float) -> Plane:
    """Return presentation values from 0 (black) to 1 (white): log, compressed range, sharpened, film-like tone."""
    density = -np.log(signal)
    # Compress what is broad and lift what is faint, band by band, leaving strong edges as they are: what multi-scale
    # processing does, and why a modern film shows vessels and spine at once without halos.
    base = _wide_blur(density, 30.0 / spacing_mm)
    broad, fine = _wide_blur(density, 7.0 / spacing_mm), _wide_blur(density, 1.2 / spacing_mm)
    density = 0.6 * base + _lifted(broad - base, 0.8) + _lifted(fine - broad, 1.3) + _lifted(density - fine, 0.9)
    low, high = _anchors(density[field])
    return np.asarray(_tone((density - low) / (high - low)), dtype=np.float32)


def _lifted(detail: Plane, gain: float) -> Plane:
    return detail * (1 + np.float32(gain) * np.exp(-np.abs(detail) / np.float32(0.2)))


def _anchors(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the densities of dark lung and of bright mediastinum: where a vendor anchors its curve."""
    body = values[values > np.float32(0.55)]  # open field apart
    if body.size < 16:
        return 0.0, 1.0
    low, high = np.percentile(body, [4.0, 97.0])
    return float(low), float(max(high, low + 1e-3))


def _tone(value: Plane) -> Plane:
    """Return the film-like curve: a toe for the open field, a straight middle, a shoulder for the mediastinum."""
    position = [-2.0, -1.0, -0.6, -0.3, -0.1, 0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0, 1.15, 1.4]
    grey = [0.015, 0.02, 0.06, 0.18, 0.31, 0.40, 0.535, 0.665, 0.75, 0.815, 0.86, 0.89, 0.91, 0.94, 0.98]
    return np.interp(value, position, grey).astype(np.float32)


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    if sigma_px < 0.2:
        return plane
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def _wide_blur(plane: Plane, sigma_px: float) -> Plane:
    """Return a blur far wider than a pixel, computed on a coarser grid."""
    factor = int(max(1, sigma_px // 3))
    if factor == 1:
        return _blurred(plane, sigma_px)
    rows, columns = plane.shape
    small = cv2.resize(plane, (max(4, columns // factor), max(4, rows // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
