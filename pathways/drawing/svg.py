"""A sheet to draw on: SVG without a script, a style sheet from elsewhere, or a word that is not escaped.

Rule 1: text stays text, so that it can be read aloud, searched and copied; every sheet has a title and a description.
Rule 2: what an author wrote goes in through the tree, never through a string: it cannot become markup.
Rule 3: colour never tells alone: shape or word tells the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, tostring

FONT = "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
MONOSPACE = "ui-monospace, 'DejaVu Sans Mono', monospace"
INK, QUIET, LINE, PAPER = "#1b1f24", "#57606a", "#d0d7de", "#ffffff"
#: The darker tone is for words and edges, the lighter one for grounds; both pass 4.5 to 1 against each other and on white.
TONES: Mapping[str, tuple[str, str]] = {
    "red": ("#a40e26", "#ffebe9"),
    "yellow": ("#7d4e00", "#fff8c5"),
    "green": ("#116329", "#dafbe1"),
    "": ("#0b5394", "#eaf2fb"),
}
NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tone(tag: str | None) -> tuple[str, str]:
    """The dark and the light tone of a tag; of one that has no colour of its own, the neutral ones."""
    return TONES.get(tag or "", TONES[""])


@dataclass
class Sheet:
    """A drawing of ``width`` by ``height`` pixels at its natural size."""

    width: float
    height: float
    title: str
    about: str
    language: str = "en"
    root: Element = field(init=False)

    def __post_init__(self) -> None:
        self.root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {self.width:g} {self.height:g}",
                "width": f"{self.width:g}",
                "height": f"{self.height:g}",
                "role": "img",
                "aria-labelledby": "title about",
                "lang": self.language,
                "font-family": FONT,
                "font-size": "13",
                "fill": INK,
            },
        )
        for name, text in (("title", self.title), ("desc", self.about)):
            SubElement(self.root, name, {"id": "about" if name == "desc" else name}).text = _clean(text)
        self.rect(0, 0, self.width, self.height, fill=PAPER)

    def rect(self, x: float, y: float, width: float, height: float, *, says: str = "", **look: str) -> Element:
        """A rectangle; ``says`` is shown when it is pointed at."""
        return self._add("rect", {"x": x, "y": y, "width": width, "height": height}, says, look)

    def line(self, x1: float, y1: float, x2: float, y2: float, **look: str) -> Element:
        return self._add("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, "", {"stroke": LINE, **look})

    def path(self, d: str, *, says: str = "", **look: str) -> Element:
        return self._add("path", {"d": d}, says, look)

    def circle(self, x: float, y: float, r: float, *, says: str = "", **look: str) -> Element:
        return self._add("circle", {"cx": x, "cy": y, "r": r}, says, look)

    def text(self, x: float, y: float, words: str, *, within: float | None = None, **look: str) -> Element:
        """Words with their baseline at ``y``; cut to ``within`` pixels, whole when pointed at."""
        size = float(look.get("font_size", "13"))
        letter = 0.62 if look.get("font_family") == MONOSPACE else 0.57 if "font_weight" in look else 0.54
        shown = words if within is None else cut(words, within, size, letter)
        element = self._add("text", {"x": x, "y": y}, words if shown != words else "", look)
        element.text = _clean(shown)
        return element

    def to_text(self) -> str:
        """The SVG document."""
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(self.root, encoding="unicode") + "\n"

    def _add(self, name: str, places: Mapping[str, float | str], says: str, look: Mapping[str, str]) -> Element:
        numbers = {key: value if isinstance(value, str) else f"{value:g}" for key, value in places.items()}
        element = SubElement(self.root, name, {**numbers, **{key.replace("_", "-"): value for key, value in look.items()}})
        if says:
            SubElement(element, "title").text = _clean(says)
        return element


def wide(words: str, size: float = 13, letter: float = 0.54) -> float:
    """About how many pixels ``words`` take; Chinese characters are square, others ``letter`` of the font's size."""
    return sum(size if unicodedata.east_asian_width(one) in "WF" else size * letter for one in words)


def cut(words: str, within: float, size: float = 13, letter: float = 0.54) -> str:
    """``words``, or as much of them as fits with an ellipsis behind."""
    if wide(words, size, letter) <= within:
        return words
    shown = ""
    for one in words:
        if wide(shown + one + "…", size, letter) > within:
            break
        shown += one
    return shown.rstrip() + "…"


def _clean(words: str) -> str:
    """Without what no XML document may hold."""
    return NOT_IN_XML.sub("\ufffd", words)
