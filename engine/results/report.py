"""PDF: one A4 page to file with the case, in the reader's language. The film is a picture, the rest are vectors.

reportlab's own Helvetica covers Latin scripts; of a name in several the Latin one is written, and where there is none,
question marks: Patient ID tells whose it is.
"""

import io
from typing import TYPE_CHECKING, Any

from engine.case import Finding, Line, Making, Structure
from engine.film.radiograph import SCRIPTS
from engine.geometry import SpacingOrigin
from engine.measure import (
    Caveat,
    Change,
    Measurement,
    Obstacle,
    calibration_text,
    displayed,
    rounded,
    same_patient,
    value_text,
    with_unit,
)
from engine.outline import Polygon
from engine.results.codes import look_of, looks
from engine.results.context import MODEL_NAME, NOTICE, Export, structure_key
from engine.results.pictures import drawn_outlines, jpeg_of, shown_film, shrunk_to
from engine.results.words import Words
from engine.version import VERSION

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

_MM = 72 / 25.4
_PAGE = (210 * _MM, 297 * _MM)
_MARGIN = 16 * _MM
_FILM_BOX = (112 * _MM, 132 * _MM)
_COLUMN = _MARGIN + _FILM_BOX[0] + 6 * _MM  # where the text beside the film begins
_PICTURE_PX = 1100
_PAIR_WIDTH = 90 * _MM  # the longest that one thing about the patient may be
_NAMED = 4  # structures that a line names, and columns of the table; the CSV has them all
_NAME_WIDTH = 40 * _MM  # the longest that one of them may be
_GAP = 7 * _MM  # above the table
_NOTICE_HEIGHT = 30  # from the lower margin
_NAMES_WIDTH = 46 * _MM  # of the table's first column
_GREY = 0.35
_TABLE_ROWS = (
    ("area", "Projected area"),
    ("height-dome", "Height to dome"),
    ("height-angle", "Height to costophrenic angle"),
    ("width", "Maximum width"),
    ("perimeter", "Perimeter"),
    ("share-upper", "Upper zone, share of area"),
    ("share-middle", "Middle zone, share of area"),
    ("share-lower", "Lower zone, share of area"),
    ("costophrenic-angle", "Costophrenic angle"),
    ("dome-height", "Dome height"),
)
_BETWEEN = (
    ("both_lungs", "area", "Projected area, both lungs"),
    ("both_lungs", "asymmetry", "Asymmetry, (R - L) / (R + L)"),
    ("both_lungs", "diaphragm-difference", "Right dome above left"),
    ("thorax", "thoracic-diameter", "Internal thoracic diameter"),
    ("heart", "heart-diameter", "Transverse cardiac diameter"),
    ("heart", "ctr", "Cardiothoracic ratio"),
)
# What changed since a prior, in the order of interest: the column beside the film holds about a dozen.
_CHANGES = {
    "area": "Area",
    "height-angle": "Height to angle",
    "width": "Width",
    "costophrenic-angle": "Angle",
    "ctr": "Heart to thorax",
    "thoracic-diameter": "Thorax",
    "heart-diameter": "Heart",
    "asymmetry": "Asymmetry",
    "height-dome": "Height to dome",
    "diaphragm-difference": "R dome above L",
}
_MAKINGS = {
    Making.MODEL: "as the model drew it",
    Making.EDITED: "the model's, corrected by the reader",
    Making.DRAWN: "drawn by the reader",
    Making.IMPORTED: "imported",
}


def pdf(export: Export) -> bytes:
    """Return the page."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    # invariant: no creation time or random id of reportlab's own; the page states its time itself.
    canvas = Canvas(out, pagesize=_PAGE, invariant=True)
    say = Words(export.language)
    canvas.setTitle(say("Lungbox report"))
    canvas.setAuthor(MODEL_NAME)
    canvas.setSubject(say(NOTICE))
    top = _head(canvas, export, say)
    bottom = _film(canvas, export, top)
    below = _beside(canvas, export, say, top)
    if export.prior is not None:
        room = min(bottom - 9.5, _MARGIN + _NOTICE_HEIGHT + _rest_height(export, say) + _GAP)
        below = _changes(canvas, export, say, below - 4, room)
    _rest(canvas, export, say, min(bottom, below) - _GAP)
    _foot(canvas, export, say)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _rest(canvas: "Canvas", export: Export, say: Words, top: float) -> float:
    """Write what lies below the film and the text beside it; return the y below."""
    return _making(canvas, export, say, _table(canvas, export, say, top))


def _rest_height(export: Export, say: Words) -> float:
    """Return how much of the page that takes: it is written on a sheet that nobody sees."""
    from reportlab.pdfgen.canvas import Canvas

    return -_rest(Canvas(io.BytesIO(), pagesize=_PAGE), export, say, 0.0)


def _head(canvas: "Canvas", export: Export, say: Words) -> float:
    """Write title and patient; return the y below."""
    y = _PAGE[1] - _MARGIN - 12
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(_MARGIN, y, say("Chest radiograph: lung measurements"))
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(_PAGE[0] - _MARGIN, y + 6, f"Lungbox {VERSION}")
    canvas.drawRightString(_PAGE[0] - _MARGIN, y - 4, say.moment(export.made_at))
    y -= 7 * _MM
    identity, source = export.case.radiograph.identity, export.case.radiograph.source
    pairs = [
        ("Patient", _person(identity.patient_name)),
        ("ID", identity.patient_id),
        ("Born", say.date(identity.birth_date)),
        ("Sex", identity.sex),
        ("Study", say.date(identity.study_date)),
        ("Accession", identity.accession_number),
        ("View", say(export.case.radiograph.view_position.value)),
    ]
    if source.kind != "DICOM":  # a picture has nothing else to be known by
        pairs.append(("Film", source.kind if export.deidentified else source.path.name))
    if export.deidentified:
        pairs = [("Patient", say("de-identified")), *pairs[6:]]
    x = _MARGIN
    for name, value in pairs:
        text, label = _latin(value), say(name)
        if not text:
            continue
        text = _fitted(canvas, text, ("Helvetica-Bold", 9), _PAIR_WIDTH)
        width = canvas.stringWidth(label, "Helvetica", 7.5) + 3 + canvas.stringWidth(text, "Helvetica-Bold", 9) + 12
        if x + width > _PAGE[0] - _MARGIN:
            x, y = _MARGIN, y - 12
        canvas.setFont("Helvetica", 7.5)
        canvas.setFillGray(0.35)
        canvas.drawString(x, y, label)
        canvas.setFillGray(0)
        canvas.setFont("Helvetica-Bold", 9)
        canvas.drawString(x + canvas.stringWidth(label, "Helvetica", 7.5) + 3, y, text)
        x += width
    y -= 4 * _MM
    canvas.setStrokeGray(0.7)
    canvas.line(_MARGIN, y, _PAGE[0] - _MARGIN, y)
    if export.case.doubtful:
        y = _doubt(canvas, say, y)
    return y - 4 * _MM


def _doubt(canvas: "Canvas", say: Words, top: float) -> float:
    """Write the warning on a film that is no frontal chest by its looks, over the whole width; return the y below."""
    y = top - 8 * _MM
    canvas.setFillColorRGB(1.0, 0.78, 0.35)
    canvas.rect(_MARGIN, y, _PAGE[0] - 2 * _MARGIN, 6 * _MM, stroke=0, fill=1)
    canvas.setFillGray(0)
    canvas.setFont("Helvetica-Bold", 10)
    canvas.drawString(_MARGIN + 3 * _MM, y + 2 * _MM, say(Caveat.DOUBTED.text))
    return y


def _film(canvas: "Canvas", export: Export, top: float) -> float:
    """Draw the film with its outlines; return the y of its lower edge."""
    from reportlab.lib.utils import ImageReader

    film = export.case.radiograph
    picture = shrunk_to(shown_film(export.case), _PICTURE_PX, _PICTURE_PX, film.pixel_aspect)
    height_px, width_px = film.rows * film.pixel_aspect, float(film.columns)
    scale = min(_FILM_BOX[0] / width_px, _FILM_BOX[1] / height_px)
    width, height = width_px * scale, height_px * scale
    bottom = top - height
    canvas.drawImage(ImageReader(io.BytesIO(jpeg_of(picture))), _MARGIN, bottom, width, height)

    def place(x: float, y: float) -> tuple[float, float]:
        return _MARGIN + x * scale, top - y * film.pixel_aspect * scale

    canvas.saveState()
    clip = canvas.beginPath()
    clip.rect(_MARGIN, bottom, width, height)
    canvas.clipPath(clip, stroke=0)
    canvas.setLineJoin(1)
    for finding in export.outlined:
        canvas.setStrokeColorRGB(*_unit(look_of(finding).color))
        canvas.setLineWidth(1.1)
        for polygon in drawn_outlines(finding):
            canvas.drawPath(_path(canvas, polygon, place))
    ratio = export.measurements.of("heart", "ctr")
    if ratio is not None and ratio.value is not None:
        canvas.setStrokeColorRGB(*_unit(looks()["heart"].color))
        canvas.setLineWidth(0.8)
        for line in ratio.evidence.lines:
            _line(canvas, line, place)
    canvas.restoreState()
    return bottom


def _path(canvas: "Canvas", polygon: Polygon, place: Any) -> Any:
    path = canvas.beginPath()
    points = [place(x, y) for x, y in polygon.tolist()]
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    return path


def _line(canvas: "Canvas", line: Line, place: Any) -> None:
    canvas.line(*place(line.x0, line.y0), *place(line.x1, line.y1))


def _beside(canvas: "Canvas", export: Export, say: Words, top: float) -> float:
    """Write calibration, what lies between the lungs, and the caveats, right of the film; return the y below."""
    x, right = _COLUMN, _PAGE[0] - _MARGIN
    y = top - 10
    badge = say(calibration_text(export.measurements.spacing))
    canvas.setFont("Helvetica-Bold", 9)
    canvas.setStrokeGray(0)
    canvas.roundRect(x, y - 4, canvas.stringWidth(badge, "Helvetica-Bold", 9) + 10, 15, 3)
    canvas.drawString(x + 5, y, badge)
    y -= 14
    spacing = export.measurements.spacing
    if spacing is not None:
        size = say.number(f"{spacing.column_mm:.4g} x {spacing.row_mm:.4g}")
        y = _small(canvas, f"{say('{number} mm a pixel.').format(number=size)} {_detail(export, say)}", x, y, right)
    y -= 8
    for structure, key, name in _BETWEEN:
        row = export.measurements.of(structure, key)
        if row is None:
            continue
        canvas.setFont("Helvetica", 8.5)
        canvas.setFillGray(0)
        canvas.drawString(x, y, say(name))
        canvas.setFont("Helvetica-Bold", 8.5)
        if row.value is not None:
            canvas.drawRightString(right, y, _latin(say.number(value_text(row))))
        y -= 12
        if _range(row, say):
            canvas.setFont("Helvetica", 6.5)
            canvas.setFillGray(_GREY)
            canvas.drawRightString(right, y + 3.5, _range(row, say))
            y -= 6
        if row.reason is not None:
            y = _small(canvas, say(row.reason.text), x + 6, y + 1, right) - 2
    y -= 6
    caveats = list(dict.fromkeys(caveat for row in export.measurements for caveat in row.caveats))
    if Caveat.DOUBTED in caveats:
        caveats.remove(Caveat.DOUBTED)  # it stands above everything else
    if caveats:
        canvas.setFillGray(0)
        canvas.setFont("Helvetica-Bold", 8.5)
        canvas.drawString(x, y, say("Before using these numbers"))
        y -= 11
    for caveat in caveats:
        y = _small(canvas, say(caveat.text), x, y, right) - 2
    return y


def _detail(export: Export, say: Words) -> str:
    """Return how the millimetres came about: in our words where we made them, else in the file's own."""
    case, spacing = export.case, export.measurements.spacing
    if spacing is None:
        return ""
    if case.known_length_mm is not None:
        return say("a line of {length} mm").format(length=say.number(f"{case.known_length_mm[1]:g}"))
    if case.magnification_applied and spacing.origin is SpacingOrigin.GEOMETRY and case.radiograph.magnification:
        factor = say.number(f"{case.radiograph.magnification:g}")
        return say("detector spacing divided by {factor}").format(factor=factor)
    return spacing.detail


def _changes(canvas: "Canvas", export: Export, say: Words, top: float, bottom: float) -> float:
    """Write what changed since the prior below the caveats, as far as there is room; return the y below."""
    assert export.prior is not None
    x, right = _COLUMN, _PAGE[0] - _MARGIN
    film = export.prior.case.radiograph
    taken = say.date(film.identity.study_date)
    title = say("Change since {date}").format(date=taken) if taken else say("Change since the prior")
    notes = _prior_notes(export)
    obstacles = dict.fromkeys(change.obstacle for change in export.changes if change.obstacle is not None)
    notes += [obstacle.text for obstacle in obstacles if obstacle is not Obstacle.GREY]
    rows = [change for change in export.changes if change.obstacle is None and change.current.id in _CHANGES]
    rows.sort(key=lambda change: list(_CHANGES).index(change.current.id))
    y = top - 4
    canvas.setFillGray(0)
    canvas.setFont("Helvetica-Bold", 8.5)
    canvas.drawString(x, y, _latin(title))
    y -= 11
    for note in notes:
        y = _small(canvas, say(note), x, y, right) - 1
    columns = (right - 80, right - 50, right)
    canvas.setFont("Helvetica", 6.5)
    canvas.setFillGray(_GREY)
    for edge, name in zip(columns, ("then", "now", "change"), strict=True):
        canvas.drawRightString(edge, y, say(name))
    y -= 9.5
    room = max(0, int((y - bottom) // 9.5))
    shown = rows if len(rows) <= room else rows[: max(0, room - 1)]
    for change in shown:
        _change(canvas, change, say, x, columns, y)
        y -= 9.5
    if len(shown) < len(rows):
        y = _small(canvas, say("{count} more in changes.csv.").format(count=len(rows) - len(shown)), x, y, right)
    return y


def _prior_notes(export: Export) -> list[str]:
    """Return what to know before comparing."""
    assert export.prior is not None
    case = export.prior.case
    found = {
        "The prior has another patient ID.": same_patient(case.radiograph, export.case.radiograph) is False,
        "The prior does not look like a frontal chest film.": case.doubtful,
        "The prior's outlines are the model's; nobody has corrected them.": all(
            finding.making is Making.MODEL for finding in case.findings
        ),
    }
    return [text for text, applies in found.items() if applies]


def _change(
    canvas: "Canvas", change: Change, say: Words, x: float, columns: tuple[float, float, float], y: float
) -> None:
    now = change.current
    sides = {Structure.RIGHT_LUNG.value: say("R"), Structure.LEFT_LUNG.value: say("L")}
    name = f"{sides.get(now.structure, '')}  {say(_CHANGES[now.id])}".strip()
    canvas.setFillGray(0)
    canvas.setFont("Helvetica", 7.5)
    canvas.drawString(x, y, _fitted(canvas, _latin(name), ("Helvetica", 7.5), columns[0] - 22 - x))
    canvas.drawRightString(columns[0], y, say.number(displayed(change.prior)))
    canvas.drawRightString(columns[1], y, say.number(displayed(now)))
    assert change.difference is not None  # only those that compare are shown
    text = rounded(change.difference, now.unit)
    signed = text if text.startswith("-") or float(text) == 0 else f"+{text}"
    canvas.setFont("Helvetica-Bold", 7.5)
    canvas.drawRightString(columns[2], y, _latin(with_unit(say.number(signed), now.unit)))


def _small(canvas: "Canvas", text: str, x: float, y: float, right: float) -> float:
    """Write wrapped small text; return the y below it."""
    from reportlab.lib.utils import simpleSplit

    canvas.setFont("Helvetica", 7.5)
    canvas.setFillGray(0.2)
    for line in simpleSplit(_latin(text), "Helvetica", 7.5, right - x):
        canvas.drawString(x, y, _fitted(canvas, line, ("Helvetica", 7.5), right - x))  # a word may be longer
        y -= 9.5
    canvas.setFillGray(0)
    return y


def _table(canvas: "Canvas", export: Export, say: Words, top: float) -> float:
    """Write one column a structure; return the y below."""
    findings = export.outlined[:_NAMED]
    first = _MARGIN + _NAMES_WIDTH
    step = (_PAGE[0] - _MARGIN - first) / max(2, len(findings))
    y = top
    canvas.setFont("Helvetica-Bold", 9)
    for number, finding in enumerate(findings):
        x = first + step * (number + 1)
        canvas.setFillColorRGB(*_unit(look_of(finding).color))
        label = _fitted(canvas, _latin(_label(finding, say)), ("Helvetica-Bold", 9), step - 18)
        canvas.rect(x - canvas.stringWidth(label, "Helvetica-Bold", 9) - 10, y - 0.5, 6, 6, stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.drawRightString(x, y, label)
    y -= 4
    canvas.setStrokeGray(0.3)
    canvas.line(_MARGIN, y, first + step * len(findings), y)
    y -= 11
    for key, name in _TABLE_ROWS:
        rows = [export.measurements.of(structure_key(finding), key) for finding in findings]
        if all(row is None or row.value is None for row in rows):
            continue
        canvas.setFont("Helvetica", 8.5)
        canvas.drawString(_MARGIN, y, say(name))
        for number, row in enumerate(rows):
            if row is not None and row.value is not None:
                _value(canvas, row, say, first + step * (number + 1), y, room=step - 4)
        y -= 11.5
    return y


def _value(canvas: "Canvas", row: Measurement, say: Words, right: float, y: float, *, room: float) -> None:
    text = _latin(say.number(value_text(row)))
    canvas.setFont("Helvetica", 8.5)
    canvas.drawRightString(right, y, text)
    taken = canvas.stringWidth(text, "Helvetica", 8.5) + 5
    if _range(row, say) and taken + canvas.stringWidth(_range(row, say), "Helvetica", 6.5) <= room:
        canvas.setFont("Helvetica", 6.5)
        canvas.setFillGray(_GREY)
        canvas.drawRightString(right - taken, y, _range(row, say))
        canvas.setFillGray(0)


def _range(row: Measurement, say: Words) -> str:
    """Return the interval as it is shown; nothing where rounding hides it."""
    if row.interval is None:
        return ""
    low, high = (say.number(rounded(value, row.unit)) for value in row.interval)
    return say("{low} to {high}").format(low=low, high=high) if low != high else ""


def _making(canvas: "Canvas", export: Export, say: Words, top: float) -> float:
    """Write who and what drew the outlines, and on which film; return the y below."""
    y = top - 3 * _MM
    canvas.setFont("Helvetica-Bold", 8.5)
    canvas.drawString(_MARGIN, y, say("How this was made"))
    y -= 11
    made: dict[str, list[str]] = {}  # structures that came about alike share a line
    for finding in export.outlined:
        made.setdefault(_provenance(finding, say), []).append(_label(finding, say))
    for how, names in made.items():
        y = _small(canvas, f"{_listed(canvas, names, say)}: {how}", _MARGIN, y, _PAGE[0] - _MARGIN)
    source = export.case.radiograph.source
    film = say("Film: pixels SHA-256 {hash}").format(hash=source.pixel_sha256)
    if source.sop_instance_uid:
        film += "; " + say("SOP Instance {uid}").format(uid=source.sop_instance_uid)
    y = _small(canvas, film, _MARGIN, y, _PAGE[0] - _MARGIN)
    if any(row.interval is not None for row in export.measurements):
        ranges = say("Small ranges: how far the value moves when the box is drawn a little differently.")
        y = _small(canvas, ranges, _MARGIN, y, _PAGE[0] - _MARGIN)
    return y


def _listed(canvas: "Canvas", names: list[str], say: Words) -> str:
    """Return the first of many names, and how many more there are."""
    shown = ", ".join(_fitted(canvas, _latin(name), ("Helvetica", 7.5), _NAME_WIDTH) for name in names[:_NAMED])
    if len(names) <= _NAMED:
        return shown
    return say("{names} and {count} more").format(names=shown, count=len(names) - _NAMED)


def _foot(canvas: "Canvas", export: Export, say: Words) -> None:
    """Write room to sign, and the notice."""
    base = _MARGIN
    canvas.setStrokeGray(0.6)
    canvas.line(_MARGIN, base + 15, _PAGE[0] - _MARGIN, base + 15)
    canvas.setFont("Helvetica-Bold", 8.5)
    canvas.drawString(_MARGIN, base + 3, say(NOTICE))
    canvas.setFont("Helvetica", 8)
    read_by = say("Read by: {reader}").format(reader=_latin(export.reader) or "______________________")
    # Above the notice, not beside it: both may be long.
    read_by = _fitted(canvas, read_by, ("Helvetica", 8.5), _PAGE[0] - 2 * _MARGIN)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawRightString(_PAGE[0] - _MARGIN, base + 21, read_by)


def _provenance(finding: Finding, say: Words) -> str:
    provenance = finding.provenance
    text = say(_MAKINGS[finding.making])
    if provenance is None:
        return text + "."
    drawn = say("{checkpoint} (SHA-256 {hash}...) on {backend}").format(
        checkpoint=provenance.checkpoint_name, hash=provenance.checkpoint_sha256[:16], backend=provenance.backend
    )
    return f"{text}; {drawn}."


def _label(finding: Finding, say: Words) -> str:
    """Return what a structure is called: by the reader, or in the report's language."""
    return finding.name or say(finding.label)


def _person(name: str) -> str:
    """Return a patient's name in the first of its scripts that Helvetica can show; as it is, where it can show none."""
    return next((script for script in name.split(SCRIPTS) if _latin(script) == script), name)


def _fitted(canvas: "Canvas", text: str, font: tuple[str, float], width: float) -> str:
    """Return text cut to a width, and saying so."""
    if canvas.stringWidth(text, *font) <= width:
        return text
    while text and canvas.stringWidth(text + "...", *font) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _latin(text: str) -> str:
    """Return text in the characters that Helvetica has."""
    return text.encode("cp1252", errors="replace").decode("cp1252")


def _unit(color: tuple[int, int, int]) -> tuple[float, float, float]:
    return (color[0] / 255, color[1] / 255, color[2] / 255)
