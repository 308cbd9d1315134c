"""Pictures of the result: the film as its header asks to be shown, with outlines. All grey is engine.film.grey's."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.case import Case, Finding, Line
from engine.errors import OutputError
from engine.film.grey import View, default_view, displayed
from engine.outline import Polygon
from engine.results.codes import look_of

_SUBPIXEL_BITS = 6  # cv2 draws with 1/64 pixel
_LINE_SHARE = 1 / 700  # of the film's longer side: as thick on any detector
_TINT = 0.12
_SIMPLER_BY = 0.4  # pixels a drawn outline may leave the measured one: no eye and no ruler can tell


def shown_film(case: Case, view: View | None = None) -> NDArray[np.uint8]:
    """Return the film as 8-bit grey, by `view` or else as its header asks."""
    film = case.radiograph
    return displayed(film, view or default_view(film)).astype(np.uint8)


def overlay_png(case: Case, view: View | None = None) -> bytes:
    """Return the film at its own size with tinted, outlined structures, as PNG."""
    return png_of(overlay(case, view))


def overlay(case: Case, view: View | None = None) -> NDArray[np.uint8]:
    """Return the film with tinted, outlined structures, (rows, columns, 3) RGB."""
    picture = np.repeat(shown_film(case, view)[..., None], 3, axis=2)
    thickness = line_thickness(case)
    for finding in case.findings:
        crop, x0, y0 = finding.mask.crop()
        if not crop.size:
            continue
        color = look_of(finding).color
        window = picture[y0 : y0 + crop.shape[0], x0 : x0 + crop.shape[1]]
        tinted = window[crop] * (1 - _TINT) + np.array(color) * _TINT
        window[crop] = tinted.astype(np.uint8)
        draw_polygons(picture, drawn_outlines(finding), color, thickness)
    return picture


def line_thickness(case: Case) -> int:
    """Return the width of lines in pixels of the film."""
    return max(1, round(max(case.radiograph.rows, case.radiograph.columns) * _LINE_SHARE))


def drawn_outlines(finding: Finding) -> tuple[Polygon, ...]:
    """Return the smooth outlines with only the vertices that an eye could miss taken out."""
    simple = []
    for polygon in finding.mask.smooth_outlines():
        kept = cv2.approxPolyDP(polygon.astype(np.float32)[:, None], _SIMPLER_BY, closed=True)[:, 0].astype(np.float64)
        simple.append(kept if len(kept) >= 3 else polygon)
    return tuple(simple)


def draw_polygons(
    picture: NDArray[np.uint8], polygons: tuple[Polygon, ...], color: tuple[int, int, int], thickness: int
) -> None:
    """Draw closed outlines onto an RGB picture."""
    cv2.polylines(
        picture, [_fixed(polygon) for polygon in polygons], True, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS
    )


def draw_lines(
    picture: NDArray[np.uint8], lines: tuple[Line, ...], color: tuple[int, int, int], thickness: int
) -> None:
    """Draw straight lines onto an RGB picture."""
    ends = [_fixed(np.array([[line.x0, line.y0], [line.x1, line.y1]])) for line in lines]
    cv2.polylines(picture, ends, False, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def _fixed(points: Polygon) -> NDArray[np.int32]:
    # cv2 puts 0 at the middle of the first pixel, we put 0 at its corner.
    return np.rint((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)[:, None]


def png_of(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture as PNG."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise OutputError("The picture could not be written as PNG.")
    return bytes(data)


def jpeg_of(picture: NDArray[np.uint8], quality: int = 88) -> bytes:
    """Return a picture, grey or RGB, as JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()


def shrunk_to(picture: NDArray[np.uint8], rows: int, columns: int, pixel_aspect: float) -> NDArray[np.uint8]:
    """Return a picture with square pixels that fits into `rows` x `columns`; never enlarged beyond its own rows."""
    height, width = picture.shape[0] * pixel_aspect, float(picture.shape[1])
    scale = min(rows / height, columns / width, 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk: NDArray[np.uint8] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return shrunk
