"""The program's icon for each system: `python packaging/program_icon.py FOLDER`.

Drawn from resources/icons/lungbox.svg: lungbox.svg (on a tile, for the drawing alone would be lost on a dark desk),
lungbox.png, lungbox.ico (Windows) and lungbox.icns (macOS).
"""

import io
import os
import re
import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ROOT = Path(__file__).resolve().parent.parent
ICO_SIDES = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIDES = (16, 32, 64, 128, 256, 512, 1024)
_TILE, _STROKE = "#14181d", "#e8edf2"  # as in the window


def tile() -> str:
    """Return the drawing on its tile, as SVG. The drawing's own frame of 24 becomes 26 of the tile's 32."""
    text = (ROOT / "resources" / "icons" / "lungbox.svg").read_text(encoding="utf-8").strip()
    head, inside = text.removesuffix("</svg>").split(">", 1)
    style = " ".join(re.findall(r'(?:fill|stroke[\w-]*)="[^"]*"', head)).replace("currentColor", _STROKE)
    ground = f'<rect width="32" height="32" rx="6.500" fill="{_TILE}"/>'
    drawing = f'<g transform="translate(3 3) scale({26 / 24:.4f})" {style}>{inside}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{ground}{drawing}</svg>\n'


def drawn(side: int) -> Image.Image:
    """Return the tile in pixels, drawn for that size and not scaled to it."""
    picture = QImage(side, side, QImage.Format.Format_ARGB32)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        QSvgRenderer(QByteArray(tile().encode())).render(painter)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGBA")


def write(folder: Path) -> None:
    """Write all of them."""
    if QGuiApplication.instance() is None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        write.application = QGuiApplication([])  # type: ignore[attr-defined]  # kept alive as long as we draw
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {side: drawn(side) for side in sorted({*ICO_SIDES, *ICNS_SIDES})}
    (folder / "lungbox.svg").write_text(tile(), encoding="utf-8")
    pictures[256].save(folder / "lungbox.png")
    ico, icns = ([pictures[side] for side in sides] for sides in (ICO_SIDES, ICNS_SIDES))
    ico[-1].save(folder / "lungbox.ico", sizes=[(side, side) for side in ICO_SIDES], append_images=ico[:-1])
    icns[-1].save(folder / "lungbox.icns", append_images=icns[:-1])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
