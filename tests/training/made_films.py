"""A folder of made films with the manifest's own columns: two dark ellipses on grey."""

import csv
from pathlib import Path

import cv2
import numpy as np

COLUMNS = ["id", "source", "image", "mask", "width", "height", "convention", "split", "licence"]


def write_films(root: Path, count: int = 10) -> Path:
    """Write `count` films, the last three of them to validate with, and return the folder."""
    rng = np.random.default_rng(0)
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file)
        write.writerow(COLUMNS)
        for number in range(count):
            mask = np.zeros((96, 96), dtype=np.uint8)
            for x in (30, 66):
                cv2.ellipse(mask, ((x + int(rng.integers(-3, 4)), 48), (22, 60), 0), 255, -1)
            film = np.clip(200 - 0.5 * mask + rng.normal(0, 8, mask.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / f"{number}.png"), film)
            cv2.imwrite(str(root / f"{number}.mask.png"), mask)
            split = "train" if number < count - 3 else "val"
            row = [number, "shenzhen", f"{number}.png", f"{number}.mask.png", 96, 96, "heart-excluded", split, "none"]
            write.writerow(row)
    return root
