"""`python -m training.phantom --out DIR`: the demo film, its masks and its truth."""

import argparse
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.files import write_atomically
from training.phantom.anatomy import DEMO, Anatomy, random_anatomy
from training.phantom.dicom import dicom_bytes
from training.phantom.film import DEMO_BEAM, DEMO_COLLIMATION_MM, radiograph
from training.phantom.truth import masks, truth_of


def main(arguments: list[str] | None = None) -> int:
    """Write one film and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.phantom", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the film, the masks and truth.json")
    parser.add_argument("--seed", type=int, default=1, help="of vessels and texture, and of the anatomy with --random")
    parser.add_argument("--random", action="store_true", help="a random chest instead of the demo's healthy adult")
    parser.add_argument("--shrink", type=float, default=1.0, help="pixels this many times as large; for quick looks")
    options = parser.parse_args(arguments)
    anatomy = (
        random_anatomy(np.random.default_rng(options.seed)) if options.random else replace(DEMO, seed=options.seed)
    )
    write_film(anatomy, options.out, shrink=options.shrink)
    return 0


def write_film(anatomy: Anatomy, folder: Path, *, shrink: float = 1.0) -> None:
    """Write demo.dcm, one PNG for each mask, and truth.json."""
    film = radiograph(anatomy, DEMO_BEAM.resampled(shrink), collimation_mm=DEMO_COLLIMATION_MM, marker="R")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "demo.dcm", dicom_bytes(film, DEMO_COLLIMATION_MM))
    for name, mask in masks(film.truth).items():
        write_atomically(folder / f"{name}.png", png_bytes(mask))
    text = json.dumps({"film": "demo.dcm", **truth_of(film)}, indent=2)
    write_atomically(folder / "truth.json", (text + "\n").encode())


def png_bytes(mask: NDArray[np.bool_]) -> bytes:
    """Return a mask as a 1-bit PNG, lung white."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
