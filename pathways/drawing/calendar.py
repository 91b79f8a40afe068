"""A year of a pathway for each risk tag: when the patient is seen, texted, examined, and their medicine asked for.

Rule: every mark comes from the compiled pathway's own rhythm, counted from a visit on day 0; what decides on readings is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pathways.drawing.svg import LINE, QUIET, Sheet, tone
from pathways.engine.plan import Pathway, Service, Text
from pathways.language.wording import in_language

YEAR = 365
LEFT, RIGHT, TOP, LANE, GAP = 250.0, 30.0, 92.0, 30.0, 22.0
WIDTH = 1180.0
USUAL_FILL = 30  # days in a fill of which nothing else is known

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "{title}: a year for each risk tag",
        "about": "Weeks from a visit on day 0, if all goes to plan. {tags}",
        "lane": "{tag}: {visits} visits, {texts} texts",
        "month": "month {n}",
        "visit": "visit",
        "text": "text",
        "screening": "examination or test",
        "refill": "refill asked for (fills of 30 days)",
        "day": "day {day}: {what}",
        "no_tag": "all",
    },
    "zh-Hans": {
        "title": "{title}：各风险等级全年安排",
        "about": "自首次随访（第0天）起，一切按计划时的安排。{tags}",
        "lane": "{tag}：随访{visits}次，短信{texts}条",
        "month": "第{n}月",
        "visit": "随访",
        "text": "短信",
        "screening": "检查或化验",
        "refill": "申请续药（按每次30天）",
        "day": "第{day}天：{what}",
        "no_tag": "全部",
    },
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on ``day`` (0 to 365). ``kind``: visit, text, screening, refill."""

    day: int
    kind: str
    service: str
    what: str


def marks(pathway: Pathway, service: Service, tag: str | None, language: str = "en") -> Iterator[Mark]:
    """What ``service`` brings within a year at the rhythm of ``tag``, in no order."""
    title = said(service.title, language) or service.name
    if service.kind == "refill":
        for ends in range(USUAL_FILL, YEAR + service.request, USUAL_FILL):
            if 0 <= ends - service.request <= YEAR:
                yield Mark(ends - service.request, "refill", service.name, title)
        return
    if service.kind not in ("follow_up", "screening", "message"):
        return
    every = max(1, service.every.on(tag))
    for due in range(every, YEAR + 1, every):
        kind = {"follow_up": "visit", "screening": "screening", "message": "text"}[service.kind]
        yield Mark(due, kind, service.name, title)
        for reminder in service.remind:
            if reminder.offset <= 0 and 0 <= due + reminder.offset <= YEAR:  # the later ones are for who does not come
                yield Mark(due + reminder.offset, "text", service.name, f"{reminder.send} ({title})")


def calendar_strip(pathway: Pathway, language: str = "en") -> str:
    """The drawing, as SVG text. ``language``: en or zh-Hans; titles fall back to English."""
    words = in_language(_WORDS, language)
    tags: list[str | None] = list(pathway.tags) or [None]
    services = [one for one in pathway.services.values() if any(True for _ in marks(pathway, one, tags[0]))]
    of_tag = {tag: [mark for one in services for mark in marks(pathway, one, tag, language)] for tag in tags}
    counted = {tag: words["lane"].format(tag=tag or words["no_tag"], **_counts(found)) for tag, found in of_tag.items()}
    height = TOP + len(tags) * (len(services) * LANE + GAP + 22) + 20
    title = words["title"].format(title=said(pathway.title, language) or pathway.name)
    sheet = Sheet(WIDTH, height, title, words["about"].format(tags="; ".join(counted.values())), language)
    sheet.text(16, 30, title, font_size="19", font_weight="600")
    _legend(sheet, words)
    y = TOP
    for tag in tags:
        dark, light = tone(tag)
        sheet.rect(8, y, WIDTH - 16, len(services) * LANE + 28, fill=light, rx="6")
        sheet.text(16, y + 19, counted[tag], fill=dark, font_weight="600")
        _months(sheet, y + 26, len(services) * LANE, words)
        for lane, service in enumerate(services):
            middle = y + 26 + LANE * lane + LANE / 2
            sheet.text(28, middle + 4, said(service.title, language) or service.name, within=LEFT - 40)
            sheet.line(LEFT, middle, WIDTH - RIGHT, middle, stroke=LINE)
            for mark in sorted((one for one in of_tag[tag] if one.service == service.name), key=lambda one: one.kind != "text"):
                draw_mark(sheet, _x(mark.day), middle, mark.kind, dark, words["day"].format(day=mark.day, what=mark.what))
        y += len(services) * LANE + GAP + 22
    return sheet.to_text()


def draw_mark(sheet: Sheet, x: float, y: float, kind: str, colour: str, says: str = "") -> None:
    """A shape for each kind: a disc for a visit, a tick for a text, a diamond for a test, a triangle for a refill."""
    match kind:
        case "visit":
            sheet.circle(x, y, 6, says=says, fill=colour)
        case "screening":
            sheet.path(f"M {x:g} {y - 7:g} l 7 7 l -7 7 l -7 -7 z", says=says, fill=colour)
        case "refill":
            sheet.path(f"M {x - 6:g} {y + 5:g} l 6 -11 l 6 11 z", says=says, fill="#ffffff", stroke=colour, stroke_width="1.5")
        case _:
            sheet.line(x, y - 9, x, y + 9, stroke=colour, stroke_width="2")


def _legend(sheet: Sheet, words: Mapping[str, str]) -> None:
    x = 24.0
    for kind in ("visit", "text", "screening", "refill"):
        draw_mark(sheet, x, 58, kind, tone("")[0])
        sheet.text(x + 14, 62, words[kind], fill=QUIET)
        x += 170


def _months(sheet: Sheet, y: float, height: float, words: Mapping[str, str]) -> None:
    for month in range(13):
        x = _x(round(month * YEAR / 12))
        sheet.line(x, y, x, y + height, stroke=LINE, stroke_dasharray="2 3")
        if month < 12:
            sheet.text(x + 3, y - 6, words["month"].format(n=month + 1), fill=QUIET, font_size="10")


def _counts(found: list[Mark]) -> dict[str, int]:
    texts = len({mark.day for mark in found if mark.kind == "text"})  # those of one day go out as one
    return {"visits": sum(mark.kind == "visit" for mark in found), "texts": texts}


def _x(day: int) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * day / YEAR


def said(texts: Text, language: str) -> str:
    """The text in ``language``, or in English, or in whatever there is."""
    found: str = in_language(texts, language)
    return found
