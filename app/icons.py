"""Icons from resources/icons: one stroke weight, drawn in the text's colour at any scale."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

import resources
from app.theme import COLOURS

_SIZES = (20, 40, 60)  # for screens at 100, 200 and 300 %


@lru_cache(maxsize=128)
def icon(name: str) -> QIcon:
    """Return an icon: muted, bright when it is on, faint when it is disabled."""
    drawing = resources.path(f"icons/{name}.svg").read_text(encoding="utf-8")
    made = QIcon()
    for mode, state, tint in (
        (QIcon.Mode.Normal, QIcon.State.Off, COLOURS["text"]),
        (QIcon.Mode.Normal, QIcon.State.On, "#ffffff"),
        (QIcon.Mode.Disabled, QIcon.State.Off, COLOURS["faint"]),
    ):
        for side in _SIZES:
            made.addPixmap(_drawn(drawing.replace("currentColor", tint), side), mode, state)
    return made


def _drawn(drawing: str, side: int) -> QPixmap:
    picture = QPixmap(QSize(side, side))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return picture
