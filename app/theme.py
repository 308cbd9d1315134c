"""Colours and style. Dark and neutral: the brightest thing in the room is the film.

Structure colours are from Okabe and Ito's palette, told apart by readers with any colour vision; on grey they also
differ in lightness, and every structure is named beside its outline.
"""

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

import resources
from engine.case import CaseState, Finding, Structure
from engine.results.codes import look_of

CANVAS = "#08090b"
COLOURS = {
    "canvas": CANVAS,
    "ground": "#121418",
    "panel": "#171a1f",
    "raised": "#1e2229",
    "hover": "#262b34",
    "line": "#2b3039",
    "text": "#e6e8eb",
    "muted": "#9aa3af",
    "faint": "#6f7885",
    "accent": "#4c9be8",
    "accent_soft": "#1d3550",
    "primary": "#2f6fb5",
    "primary_hover": "#3a80cc",
    "good": "#4fb477",
    "warn": "#e3b341",
    "bad": "#e5736b",
    "info": "#6aa9f0",
}

_OTHERS = ("#2ec4a0", "#d98cc0", "#f0e442", "#e8743b", "#a8a4e6")

STATES = {
    CaseState.NEW: COLOURS["faint"],
    CaseState.BOXED: COLOURS["warn"],
    CaseState.ACCEPTED: COLOURS["good"],
    CaseState.FLAGGED: COLOURS["bad"],
}


def structure_colour(finding: Finding) -> QColor:
    """Return the colour of a finding, the same on canvas and panel and from film to film."""
    if finding.structure is not Structure.OTHER:
        return QColor(*look_of(finding).color)  # the same as in the results
    return QColor(_OTHERS[sum(finding.name.encode()) % len(_OTHERS)])


def colour(name: str) -> QColor:
    """Return a colour of the theme."""
    return QColor(COLOURS[name])


def apply_theme(application: QApplication, text_scale: float) -> None:
    """Dress the application."""
    application.setStyle(QStyleFactory.create("Fusion"))
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: "ground",
        QPalette.ColorRole.Base: "panel",
        QPalette.ColorRole.AlternateBase: "raised",
        QPalette.ColorRole.Button: "raised",
        QPalette.ColorRole.WindowText: "text",
        QPalette.ColorRole.Text: "text",
        QPalette.ColorRole.ButtonText: "text",
        QPalette.ColorRole.BrightText: "text",
        QPalette.ColorRole.ToolTipBase: "raised",
        QPalette.ColorRole.ToolTipText: "text",
        QPalette.ColorRole.PlaceholderText: "faint",
        QPalette.ColorRole.Highlight: "primary",
        QPalette.ColorRole.HighlightedText: "text",
        QPalette.ColorRole.Link: "accent",
        QPalette.ColorRole.Mid: "line",
        QPalette.ColorRole.Dark: "line",
        QPalette.ColorRole.Shadow: "canvas",
    }
    for role, name in roles.items():
        palette.setColor(role, colour(name))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, colour("faint"))
    application.setPalette(palette)
    font = QFont(application.font())
    font.setPointSizeF(9.5 * text_scale)
    application.setFont(font)
    application.setStyleSheet(style_sheet(text_scale))


def style_sheet(text_scale: float) -> str:
    """Return the style sheet with the theme's colours and text sizes in it."""
    text = resources.path("style.qss").read_text(encoding="utf-8")
    for name, value in sorted(COLOURS.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"@{name};", f"{value};").replace(f"@{name} ", f"{value} ")
    text = text.replace("@icons/", resources.path("icons").as_posix() + "/")
    for name, points in (("small", 8.0), ("body", 9.5), ("strong", 10.5), ("title", 12.0)):
        text = text.replace(f"@size_{name};", f"{points * text_scale:.1f}pt;")
    return text
