"""Editing: masks, callipers and distances changed by hand. Each call is one step of the session's history."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from app.handles import middle_callipers
from app.jobs import Lane
from app.reading import Pending
from engine.case import CaseState, Finding, HeartCallipers, Line, Making, Structure
from engine.errors import LungboxError
from engine.lungs import lung_at
from engine.mask import Mask, Stroke
from engine.measure import calibrated_by, propose_callipers

if TYPE_CHECKING:
    from app.session import Session


class Editing(QObject):
    """What brush, polygon, callipers, distances and the mask menu do."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session

    def paint(self, stroke: Stroke, *, erase: bool) -> None:
        """Paint on the selected finding, or erase; a stroke is one step. With nothing selected a new one is begun."""
        case, finding = self._session.settled()
        if case is None:
            return
        if finding is None:
            if not erase:
                self._begin_drawn(Mask.empty(case.radiograph.rows, case.radiograph.columns).painted(stroke), "brush")
            return
        mask = finding.mask.erased(stroke) if erase else finding.mask.painted(stroke)
        self._edited(finding, mask, "eraser" if erase else "brush")

    def fill_polygon(self, vertices: tuple[tuple[float, float], ...], *, erase: bool) -> None:
        """Add the inside of a polygon to the selected finding, or take it away."""
        case, finding = self._session.settled()
        if case is None or len(vertices) < 3:
            return
        outline = np.array(vertices, dtype=np.float64)
        region = Mask.of_polygons(case.radiograph.rows, case.radiograph.columns, [outline])
        if finding is None:
            if not erase:
                self._begin_drawn(region, "polygon")
            return
        mask = finding.mask.minus(region) if erase else finding.mask.union(region)
        self._edited(finding, mask, "polygon")

    def change_mask(self, name: str, change: Callable[[Finding], Mask]) -> None:
        """Change the selected mask off the UI thread; dropped when the finding has changed meanwhile."""
        _, finding = self._session.settled()
        if finding is None or any(other.prompts is None and other.is_about(finding) for other in self._session.pending):
            return  # a key held down asks again before the first is done
        pending = Pending(None, (finding,))
        self._session.wait_for(pending)

        def done(mask: Mask) -> None:
            case = self._session.case
            if not self._session.landed(pending) or case is None:
                return
            now = case.finding(finding.tracking_uid)
            if now is None or now.mask is not finding.mask:
                self._session.noticed.emit("overtaken")
            elif mask.packed != now.mask.packed:
                self._session.record(case.with_finding(now.edited(mask)), name)

        def failed(error: LungboxError) -> None:
            if self._session.landed(pending):
                self._session.failed.emit(error)

        self._session.jobs.run(Lane.RESULT, lambda: change(finding), done, failed, owner="film")

    def fill_holes(self) -> None:
        """Fill the holes of the selected mask."""
        self.change_mask("fill-holes", lambda finding: finding.mask.holes_filled())

    def smooth(self) -> None:
        """Round the selected mask's outline."""
        radius = self._fine_radius() * 2
        self.change_mask("smooth", lambda finding: finding.mask.smoothed(radius))

    def grow(self) -> None:
        """Move the selected mask's outline outwards."""
        radius = self._fine_radius()
        self.change_mask("grow", lambda finding: finding.mask.grown(radius))

    def shrink(self) -> None:
        """Move the selected mask's outline inwards."""
        radius = self._fine_radius()
        self.change_mask("shrink", lambda finding: finding.mask.shrunk(radius))

    def keep_largest(self) -> None:
        """Keep only the selected mask's largest part."""
        self.change_mask("keep-largest", lambda finding: finding.mask.largest_parts(1))

    def clip_to_box(self) -> None:
        """Cut the selected mask to its box."""
        _, finding = self._session.settled()
        if finding is not None and finding.prompts is not None and finding.prompts.box is not None:
            box = finding.prompts.box
            self.change_mask("clip", lambda found: found.mask.clipped(box))

    def _fine_radius(self) -> float:
        """Return one step of growing: a 512th of the film, so that it is seen on any film."""
        assert self._session.case is not None
        return max(1.0, round(max(self._session.case.radiograph.rows, self._session.case.radiograph.columns) / 512))

    def _edited(self, finding: Finding, mask: Mask, name: str) -> None:
        if self._session.case is None or mask.packed == finding.mask.packed:
            return
        self._session.do(self._session.case.with_finding(finding.edited(mask)), name)

    def _begin_drawn(self, mask: Mask, name: str) -> None:
        assert self._session.case is not None
        if mask.is_empty:
            return
        structure = self._session.structure or self._side_of(mask)
        old = self._session.case.of(structure) if structure is not Structure.OTHER else None
        finding = Finding(structure, mask, Making.DRAWN, self._session.structure_name)
        if old is not None:
            finding = old.edited(old.mask.union(mask))
        case = self._session.case.with_finding(finding)
        if case.state is CaseState.NEW:
            case = replace(case, state=CaseState.BOXED)
        self._session.select(finding.tracking_uid)
        self._session.do(case, name)

    def _side_of(self, mask: Mask) -> Structure:
        bounds = mask.bounds()
        assert bounds is not None
        assert self._session.case is not None
        return lung_at(self._session.case.radiograph, *bounds.center)

    # Callipers, distances, calibration

    def place_callipers(self) -> None:
        """Propose heart callipers, where none are placed."""
        if self._session.case is not None and self._session.case.callipers is None:
            film = self._session.case.radiograph
            self.set_callipers(propose_callipers(self._session.case) or middle_callipers(film.rows, film.columns))

    def set_callipers(self, callipers: HeartCallipers | None) -> None:
        """Place or remove the heart callipers."""
        case, _ = self._session.settled()
        if case is not None and callipers != case.callipers:
            self._session.do(replace(case, callipers=callipers), "callipers")

    def set_distances(self, distances: tuple[Line, ...]) -> None:
        """Add, move or remove distances."""
        case, _ = self._session.settled()
        if case is not None and distances != case.distances:
            self._session.do(replace(case, distances=distances), "distance")

    def calibrate(self, line: Line, millimetres: float) -> None:
        """Say how long a line is in the patient; every millimetre follows."""
        case, _ = self._session.settled()
        if case is None:
            return
        try:
            calibrated_by(case.radiograph, line, millimetres)
        except LungboxError as error:
            self._session.failed.emit(error)
            return
        self._session.do(replace(case, known_length_mm=(line, millimetres)), "calibrate")

    def apply_magnification(self, *, on: bool) -> None:
        """Show millimetres in the patient's plane by the film's own magnification, or at the detector."""
        case, _ = self._session.settled()
        if case is not None and case.magnification_applied is not on:
            self._session.do(replace(case, magnification_applied=on), "magnification")
