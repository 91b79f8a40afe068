"""The map of a pathway: services, the tables they ask, the rows in their order, what each concludes, and what follows.

Rule: nothing is placed by chance: columns from left to right as care goes, rows in the document's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pathways.drawing.calendar import said
from pathways.drawing.svg import INK, LINE, MONOSPACE, QUIET, Sheet, tone
from pathways.engine.plan import Decision, Pathway, Service, Table
from pathways.language.wording import in_language

COLUMNS = {"service": (16.0, 250.0), "table": (326.0, 470.0), "decision": (872.0, 300.0), "then": (1230.0, 310.0)}
WIDTH, TOP = 1556.0, 96.0
ROW, HEAD, GAP = 40.0, 30.0, 14.0
ROW_ID = 116.0  # for the name of a row; the specification's own are long: KDIGO G3a/A2

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "{title}: services and decisions",
        "about": "{services} services, {rows} rows in {tables} tables, {decisions} decisions; the first row that holds decides.",
        "service": "Services",
        "table": "Tables: the first row that holds decides",
        "decision": "Decisions",
        "then": "What follows",
        "every": "every {days} days",
        "incomplete": "readings are missing",
        "tag": "tag {tag}",
        "within": "within {days} days",
        "task": "task: {what}",
        "refer": "referral: {what}",
        "send": "text: {what}",
        "alert": "told at once: {what}",
        "home": "readings sent from home",
    },
    "zh-Hans": {
        "title": "{title}：服务与决策",
        "about": "{services}项服务，{tables}张表共{rows}行，{decisions}个结论。每张表由第一条成立的规则决定。",
        "service": "服务",
        "table": "决策表：第一条成立的规则决定",
        "decision": "结论",
        "then": "后续",
        "every": "每{days}天",
        "incomplete": "缺少读数",
        "tag": "等级 {tag}",
        "within": "{days}天内",
        "task": "任务：{what}",
        "refer": "转诊：{what}",
        "send": "短信：{what}",
        "alert": "立即通知：{what}",
        "home": "居家自测",
    },
}


@dataclass(frozen=True, slots=True)
class Box:
    """Where something lies."""

    x: float
    y: float
    width: float
    height: float

    @property
    def entry(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def exit(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2


def pathway_map(pathway: Pathway, language: str = "en") -> str:
    """The drawing, as SVG text. ``language``: en or zh-Hans; titles fall back to English."""
    drawing = _Map(pathway, language, in_language(_WORDS, language))
    return drawing.drawn()


@dataclass
class _Map:
    pathway: Pathway
    language: str
    words: Mapping[str, str]

    def drawn(self) -> str:
        tables = list(_in_order(self.pathway))
        used = {row.decision for table in tables for row in table.rows}
        decisions = [decision for name, decision in self.pathway.decisions.items() if name in used]
        follows = list(dict.fromkeys(what for decision in decisions for what in self._follows(decision)))
        rows = dict(_rows(tables))
        services = self._services()
        boxes = {name: Box(COLUMNS["service"][0], y, COLUMNS["service"][1], 50) for name, y in _spread(services, rows, tables)}
        height = max(
            max((box.y + box.height for box in boxes.values()), default=TOP),
            max((y + ROW for y in rows.values()), default=TOP),
            TOP + len(decisions) * 74,
            TOP + len(follows) * 44,
        )
        title = self.words["title"].format(title=said(self.pathway.title, self.language) or self.pathway.name)
        counts = {"services": len(self.pathway.services), "tables": len(tables), "rows": len(rows), "decisions": len(decisions)}
        sheet = Sheet(WIDTH, height + 24, title, self.words["about"].format(**counts), self.language)
        sheet.text(16, 34, title, font_size="19", font_weight="600")
        for column, (x, _) in COLUMNS.items():
            sheet.text(x, 78, self.words[column], fill=QUIET, font_weight="600")
        at_decision = _column("decision", [decision.name for decision in decisions], height, 62)
        at_follow = _column("then", follows, height, 34)
        self._edges(sheet, tables, rows, boxes, at_decision, at_follow)
        self._draw_services(sheet, boxes)
        self._draw_tables(sheet, tables, rows)
        for decision in decisions:
            self._draw_decision(sheet, at_decision[decision.name], decision)
        for what, box in at_follow.items():
            sheet.rect(box.x, box.y, box.width, box.height, fill="#ffffff", stroke=LINE, rx="17")
            sheet.text(box.x + 14, box.y + 22, what, within=box.width - 28)
        return sheet.to_text()

    # --- what there is
    def _services(self) -> list[tuple[str, str]]:
        """Each service with the first table that it asks, if any."""
        found = [(service.name, service.decide or service.at_enrolment or "") for service in self.pathway.services.values()]
        if self.pathway.home_readings is not None:
            found.append(("", self.pathway.home_readings))
        return found

    def _follows(self, decision: Decision) -> Iterator[str]:
        """What a decision brings about, in words."""
        if decision.refer is not None:
            yield self.words["refer"].format(what=f"{decision.refer.service} ({decision.refer.urgency})")
        for task in decision.open_tasks:
            yield self.words["task"].format(what=f"{task.kind} ({task.by})")
        if decision.alert is not None:
            yield self.words["alert"].format(what=decision.alert)
        if decision.send is not None:
            yield self.words["send"].format(what=decision.send)

    # --- drawing
    def _edges(
        self,
        sheet: Sheet,
        tables: list[Table],
        rows: Mapping[str, float],
        boxes: Mapping[str, Box],
        decisions: Mapping[str, Box],
        follows: Mapping[str, Box],
    ) -> None:
        heads = _heads(tables, rows)
        for name, box in boxes.items():
            service = self.pathway.services.get(name)
            asked = {self.pathway.home_readings} if service is None else {service.decide, service.at_enrolment}
            for of_service in filter(None, asked & heads.keys()):
                _curve(sheet, box.exit, heads[of_service].entry, QUIET, dashed=service is None or of_service != service.decide)
        for table in tables:
            for row in table.rows:
                decision = self.pathway.decisions[row.decision]
                x, width = COLUMNS["table"]
                dark, _ = tone(decision.tag)
                _curve(sheet, (x + width, rows[f"{table.name}/{row.id}"] + ROW / 2 - 2), decisions[row.decision].entry, dark)
        for name, box in decisions.items():
            for what in self._follows(self.pathway.decisions[name]):
                _curve(sheet, box.exit, follows[what].entry, tone(self.pathway.decisions[name].tag)[0])

    def _draw_services(self, sheet: Sheet, boxes: Mapping[str, Box]) -> None:
        for name, box in boxes.items():
            service = self.pathway.services.get(name)
            sheet.rect(box.x, box.y, box.width, box.height, fill="#f6f8fa", stroke=LINE, rx="6")
            title = self.words["home"] if service is None else said(service.title, self.language) or name
            sheet.text(box.x + 12, box.y + 21, title, within=box.width - 24, font_weight="600")
            below = "" if service is None else self._rhythm(service)
            sheet.text(box.x + 12, box.y + 40, below, within=box.width - 24, fill=QUIET, font_size="12")

    def _rhythm(self, service: Service) -> str:
        if service.kind not in ("follow_up", "screening", "message"):
            return service.to if service.kind == "referral" else ", ".join(service.medicines)
        if service.every.always is not None:
            return self.words["every"].format(days=service.every.always)
        days = "/".join(str(service.every.on(tag)) for tag in self.pathway.tags)
        return self.words["every"].format(days=days) + f" ({'/'.join(self.pathway.tags)})"

    def _draw_tables(self, sheet: Sheet, tables: Iterable[Table], rows: Mapping[str, float]) -> None:
        x, width = COLUMNS["table"]
        for table in tables:
            first = rows[f"{table.name}/{table.rows[0].id}"]
            sheet.text(x, first - 10, table.name, font_weight="600")
            for row in table.rows:
                y = rows[f"{table.name}/{row.id}"]
                dark, light = tone(self.pathway.decisions[row.decision].tag)
                sheet.rect(x, y, width, ROW - 4, fill=light, stroke=dark, rx="4")
                sheet.text(x + 10, y + 15, row.id, fill=dark, font_weight="600", font_size="12", within=ROW_ID - 6)
                because = said(row.because, self.language)
                sheet.text(x + 10 + ROW_ID, y + 15, because, within=width - ROW_ID - 20, fill=INK, font_size="12")
                when = self.words["incomplete"] if row.when is None else " ".join(row.when.source.split())
                sheet.text(
                    x + 10 + ROW_ID, y + 31, when, within=width - ROW_ID - 20, fill=QUIET, font_size="11", font_family=MONOSPACE
                )

    def _draw_decision(self, sheet: Sheet, box: Box, decision: Decision) -> None:
        dark, light = tone(decision.tag)
        sheet.rect(box.x, box.y, box.width, box.height, fill=light, stroke=dark, rx="6", stroke_width="1.5")
        sheet.text(box.x + 12, box.y + 20, decision.name, fill=dark, font_weight="600", within=box.width - 24)
        sheet.text(box.x + 12, box.y + 37, said(decision.title, self.language), within=box.width - 24, font_size="12")
        limits = [self.words["tag"].format(tag=decision.tag)] if decision.tag else []
        limits += [self.words["within"].format(days=decision.within)] if decision.within is not None else []
        sheet.text(box.x + 12, box.y + 53, "; ".join(limits), within=box.width - 24, font_size="12", fill=dark)


def _in_order(pathway: Pathway) -> Iterator[Table]:
    """Tables in the order in which care meets them; those that nobody asks, last."""
    asked = [name for service in pathway.services.values() for name in (service.decide, service.at_enrolment) if name]
    names = dict.fromkeys([*asked, *([pathway.home_readings] if pathway.home_readings else []), *pathway.tables])
    for name in names:
        if name in pathway.tables and pathway.tables[name].rows:
            yield pathway.tables[name]


def _rows(tables: Iterable[Table]) -> Iterator[tuple[str, float]]:
    y = TOP
    for table in tables:
        y += HEAD
        for row in table.rows:
            yield f"{table.name}/{row.id}", y
            y += ROW
        y += GAP


def _heads(tables: Iterable[Table], rows: Mapping[str, float]) -> dict[str, Box]:
    x, width = COLUMNS["table"]
    return {table.name: Box(x - 6, rows[f"{table.name}/{table.rows[0].id}"] - 26, width, 22) for table in tables}


def _spread(services: list[tuple[str, str]], rows: Mapping[str, float], tables: Iterable[Table]) -> Iterator[tuple[str, float]]:
    """Each service beside the table that it asks, as far as there is room; the others below one another."""
    heads = {table.name: rows[f"{table.name}/{table.rows[0].id}"] - 26 for table in tables}
    y = TOP
    for name, table in sorted(services, key=lambda one: heads.get(one[1], float("inf"))):
        y = max(y, heads.get(table, y))
        yield name, y
        y += 64


def _column(name: str, what: Iterable[str], height: float, tall: float) -> dict[str, Box]:
    """Spread over the height there is, in order."""
    names = list(what)
    x, width = COLUMNS[name]
    room = (height - TOP) / max(1, len(names))
    return {one: Box(x, TOP + room * n + max(0.0, (room - tall) / 2), width, tall) for n, one in enumerate(names)}


def _curve(sheet: Sheet, start: tuple[float, float], end: tuple[float, float], colour: str, *, dashed: bool = False) -> None:
    (x1, y1), (x2, y2) = start, end
    bend = (x2 - x1) / 2
    look = {"fill": "none", "stroke": colour, "stroke_opacity": "0.55", "stroke_width": "1.3"}
    if dashed:
        look["stroke_dasharray"] = "5 4"
    sheet.path(f"M {x1:g} {y1:g} C {x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}", **look)
