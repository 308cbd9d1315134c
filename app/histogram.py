"""The film's histogram, with the window laid over it."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app.display import as_window
from app.lightbox import Lightbox
from app.theme import colour

_BINS = 256
_SAMPLES = 400_000


class Histogram(QWidget):
    """How often each grey occurs, padding left out, on a square-root scale; it follows the window."""

    def __init__(self, lightbox: Lightbox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lightbox = lightbox
        self._counts: tuple[object, NDArray[np.float64]] | None = None
        self.setMinimumSize(420, 180)
        self.setAccessibleName(self.tr("Histogram"))
        lightbox.display_changed.connect(self.update)
        lightbox.film_changed.connect(self.update)

    def counts(self) -> NDArray[np.float64]:
        """Return the share of each bin between the film's lowest and highest value."""
        film = self._lightbox.film
        assert film is not None
        if self._counts is None or self._counts[0] is not film:
            stride = max(1, int(np.sqrt(film.radiograph.stored.size / _SAMPLES)))
            stored = film.radiograph.stored[::stride, ::stride]
            values = film.radiograph.modality.apply(stored)
            if film.radiograph.padding is not None:
                low, high = film.radiograph.padding
                values = values[(stored < low) | (stored > high)]
            counts, _ = np.histogram(values, bins=_BINS, range=(film.greys.minimum, film.greys.maximum or 1.0))
            self._counts = (film, counts / max(int(counts.sum()), 1))
        return self._counts[1]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the curve and the window."""
        with QPainter(self) as painter:  # a painter that an error leaves open takes the process with it
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            area = self.rect().toRectF().adjusted(8, 8, -8, -8)
            painter.fillRect(self.rect(), colour("panel"))
            film = self._lightbox.film
            if film is not None:
                heights = np.sqrt(self.counts())
                heights = heights / max(float(heights.max()), 1e-9)
                x = area.left() + np.arange(_BINS) / (_BINS - 1) * area.width()
                y = area.bottom() - heights * area.height()
                points = [QPointF(float(a), float(b)) for a, b in zip(x, y, strict=True)]
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour("faint"))
                painter.drawPolygon(QPolygonF([area.bottomLeft(), *points, area.bottomRight()]))
                window = as_window(self._lightbox.display.view)
                span = max(film.greys.maximum - film.greys.minimum, 1e-9)
                ends = [(window.center + side * window.width / 2 - film.greys.minimum) / span for side in (-1, 1)]
                low, high = (area.left() + min(max(end, 0.0), 1.0) * area.width() for end in ends)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colour("accent"), 1.5))
                painter.drawRect(QRectF(low, area.top(), max(high - low, 1.0), area.height()))


class HistogramDialog(QDialog):
    """The histogram beside the film, while the window is dragged."""

    def __init__(self, lightbox: Lightbox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Histogram"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = QVBoxLayout(self)
        layout.addWidget(Histogram(lightbox, self))
