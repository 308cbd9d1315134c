"""The table of measurements: one line a kind, right, left and both beside each other, with unit and origin."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Qt

from app.badges import AnyIndex, NumbersModel
from app.session import Session
from app.theme import colour, structure_colour
from app.wording import calibration, caveat_text, measurement_name, reason_text, structure_name, tool_tip, typeset
from engine.case import Case, Structure
from engine.measure import UNIT_SYMBOLS, Caveat, Measurement, Measurements, displayed, rounded

MEASUREMENT_ROLE = Qt.ItemDataRole.UserRole + 1

_LUNG_ROWS = (
    "area", "height-dome", "height-angle", "width", "share-upper", "share-middle", "share-lower", "costophrenic-angle",
    "dome-height", "perimeter",
)  # fmt: skip
_BOTH_ROWS = ("asymmetry", "left-right-ratio", "diaphragm-difference")
_HEART_ROWS = ("heart-right", "heart-left", "heart-diameter", "ctr")
COMPARED_KEYS = (*_LUNG_ROWS, *_BOTH_ROWS, "thoracic-diameter", *_HEART_ROWS)  # shown where a prior is beside the film


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: up to three numbers of one kind."""

    cells: tuple[Measurement | None, Measurement | None, Measurement | None]  # right, left, both or other
    interval: bool = False  # shows how far the numbers move with the box, not the numbers

    @property
    def any(self) -> Measurement:
        """Return the first number of the line."""
        return next(cell for cell in self.cells if cell is not None)

    def chosen(self, column: int) -> tuple[Measurement, ...]:
        """Return what is drawn when a column of the line is chosen: its number, or, by the name, right and left."""
        cell = self.cells[column - 1] if 1 <= column <= 3 else None
        if cell is not None:
            return (cell,)
        sides = tuple(side for side in self.cells[:2] if side is not None and side.value is not None)
        return sides or (self.any,)


def rows_of(measurements: Measurements | None, case: Case | None) -> tuple[Row, ...]:
    """Return the table's lines in the order of reading: lungs, thorax, heart, distances, other structures."""
    if measurements is None or case is None:
        return ()
    rows: list[Row] = []
    right, left, both = (s.value for s in (Structure.RIGHT_LUNG, Structure.LEFT_LUNG, Structure.BOTH_LUNGS))
    lungs = [case.of(structure) for structure in (Structure.RIGHT_LUNG, Structure.LEFT_LUNG, Structure.BOTH_LUNGS)]
    if any(lungs):
        for key in _LUNG_ROWS:
            right_cell, left_cell, both_cell = (measurements.of(side, key) for side in (right, left, both))
            if any(cell is not None for cell in (right_cell, left_cell, both_cell)):
                row = Row((right_cell, left_cell, both_cell))
                rows.append(row)
                if key == "area" and any(cell is not None and cell.interval is not None for cell in row.cells):
                    rows.append(replace(row, interval=True))
        wanted = (*((both, key) for key in _BOTH_ROWS), ("thorax", "thoracic-diameter"))
        rows += [Row((None, None, found)) for of, key in wanted if (found := measurements.of(of, key)) is not None]
    if any(lungs) or case.callipers is not None:
        keys = _HEART_ROWS if case.callipers is not None else ("ctr",)
        rows += [Row((None, None, found)) for key in keys if (found := measurements.of("heart", key)) is not None]
    own = {finding.tracking_uid for finding in case.findings if finding.structure is Structure.OTHER}
    rows += [
        Row((None, None, value))
        for value in measurements
        if value.id.startswith("distance-") or (value.structure in own and value.id in ("area", "width", "perimeter"))
    ]
    return tuple(rows)


class MeasurementsModel(NumbersModel):
    """What was measured: name, right, left, both, unit."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: tuple[Row, ...] = ()
        session.measured.connect(self._follow)
        session.film_changed.connect(self._follow)

    @property
    def lines(self) -> tuple[Row, ...]:
        """The lines on show."""
        return self._rows

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the columns' names, the lungs' in their colours."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            titles = ["", self.tr("right"), self.tr("left"), self.tr("both"), ""]
            return titles[section]
        if role == Qt.ItemDataRole.ForegroundRole and section in (1, 2):
            structure = Structure.RIGHT_LUNG if section == 1 else Structure.LEFT_LUNG
            shown = self._session.shown
            finding = shown.of(structure) if shown else None
            return structure_colour(finding) if finding is not None else colour("muted")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row, column = self._rows[index.row()], index.column()
        cell = row.cells[column - 1] if 1 <= column <= 3 else None
        if role == MEASUREMENT_ROLE:
            return row.chosen(column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column, cell)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if role == Qt.ItemDataRole.ForegroundRole:
            faint = column == 4 or row.interval or (cell is not None and cell.value is None)
            return colour("muted") if faint else colour("text")
        return self._explanation(cell or row.any) if role == Qt.ItemDataRole.ToolTipRole else None

    def origin(self) -> str:
        """Return where the millimetres of the table come from; every one of a case comes from the same place."""
        measured = self._session.measurements
        return calibration(measured.spacing) if measured is not None and self._rows else ""

    def is_single(self, row: int) -> bool:
        """Return whether a line has one number only, so that its name may be as long as it likes."""
        return self._rows[row].cells[0] is None and self._rows[row].cells[1] is None

    def _text(self, row: Row, column: int, cell: Measurement | None) -> str:
        if column == 0:
            if row.interval:
                return "   " + self.tr("prompt interval")
            name = measurement_name(row.any)
            shown = self._session.shown
            finding = shown.finding(row.any.structure) if shown else None
            return f"{structure_name(finding)}: {name}" if finding is not None else name
        if column == 4:
            return UNIT_SYMBOLS[row.any.unit]
        if cell is None:
            return ""
        if row.interval:
            return "" if cell.interval is None else f"± {rounded((cell.interval[1] - cell.interval[0]) / 2, cell.unit)}"
        return typeset(displayed(cell))

    def _explanation(self, cell: Measurement) -> str:
        """Return how a number was taken, as plain text."""
        if cell.reason is not None:
            return reason_text(cell.reason)
        lines = [cell.method] if cell.method else []
        if cell.interval is not None:
            ends = " – ".join(typeset(rounded(end, cell.unit)) for end in cell.interval)
            lines.append(self.tr("{ends} over boxes drawn a little differently").format(ends=ends))
        if cell.origin is not None and Caveat.MAGNIFIED not in cell.caveats:
            lines.append(calibration(self._session.measurements.spacing if self._session.measurements else None))
        lines += [caveat_text(caveat) for caveat in cell.caveats]
        return tool_tip("\n".join(lines))

    def _follow(self) -> None:
        rows = rows_of(self._session.measurements, self._session.case)
        if len(rows) == len(self._rows):
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, 4))
                self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, 4)
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()
