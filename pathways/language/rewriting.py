"""A decision table that is edited as a table: one place of the document's text changes, every other stays to the letter.

Rule 1: comments, quotes and line breaks elsewhere are the author's and are kept; nothing is written anew that was not changed.
Rule 2: what was written is read again: unless it says just what was meant, nothing is changed and ``NotRewritten`` says why.
Rule 3: a text that cannot be read quickly is not edited so: whoever wrote it mends it first.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from pathways.language import source
from pathways.language.composing import Composer
from pathways.language.document import Broken, Document, Steps, Value

Rows = list[dict[str, Value]]
WIDEST = 132  # columns of a line that we write
CELLS = ("row", "when", "then", "basis")


class NotRewritten(ValueError):
    """The table stays as it is; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` up to ``end`` (characters); ``flow``: within braces or brackets."""

    start: int
    end: int
    flow: bool
    style: str = ""


@dataclass(frozen=True)
class Tables:
    """The decision tables of a text."""

    text: str

    @property
    def document(self) -> Document:
        """Raises NotRewritten."""
        try:
            read = source.quickly(self.text, "document")
        except Broken as broken:
            raise NotRewritten(broken.problems[0].what) from None
        if read is None:
            raise NotRewritten("The text cannot be read as it stands. Mend its first problem; then tables can be edited again.")
        return read

    def set_cell(self, table: str, index: int, cell: str, value: str) -> str:
        """The text with another ``cell`` of a row: one of ``CELLS``, or ``because.LANGUAGE``. Raises NotRewritten."""
        value = " ".join(value.split())
        if not value:
            raise NotRewritten("A cell cannot be empty. To take a row away, delete it.")
        name, _, language = cell.partition(".")
        row = self._row(table, index)
        if name not in (*CELLS, "because") or bool(language) != (name == "because"):
            raise NotRewritten(f"A row has no cell called {cell}.")
        if name == "when" and row.get("incomplete") is True:
            raise NotRewritten("This row answers when readings are missing; it has no condition.")
        because = row.get("because")
        wanted: Value = {**(because if isinstance(because, dict) else {}), language: value} if language else value
        at: Steps = ("tables", table, index, name)
        spans = _spans(self.text)
        if language and isinstance(because, dict):
            written = self._put(spans, (*at, language), value)
        elif language:
            written = self._put(spans, at, {language: value})
        else:
            written = self._put(spans, at, value)
        return self._if_so(written, table, index, {**row, name: wanted})

    def add_row(self, table: str, after: int) -> str:
        """The text with a copy of row ``after`` beneath it, under a name of its own. Raises NotRewritten."""
        row, rows = self._row(table, after), self._rows(table)
        if row.get("incomplete") is True:
            raise NotRewritten("The row for missing readings stays the last one. Add a row above it.")
        first, last = self._lines_of(table, after, with_comments=False)
        lines = self.text.split("\n")
        name = _fresh(str(row.get("row", "NEW")), {str(one.get("row")) for one in self._all_rows()})
        copied = "\n".join([*lines[: last + 1], *lines[first : last + 1], *lines[last + 1 :]])
        renamed = Tables(copied)._put(_spans(copied), ("tables", table, after + 1, "row"), name)
        return _meaning(renamed, self, table, [*rows[: after + 1], {**row, "row": name}, *rows[after + 1 :]])

    def delete_row(self, table: str, index: int) -> str:
        """The text without the row and the comment above it. Raises NotRewritten."""
        self._row(table, index)
        rows = self._rows(table)
        if len(rows) == 1:
            raise NotRewritten("A table keeps one row at least. To take the whole table away, delete it in the text.")
        first, last = self._lines_of(table, index, with_comments=True)
        lines = self.text.split("\n")
        return _meaning("\n".join(lines[:first] + lines[last + 1 :]), self, table, rows[:index] + rows[index + 1 :])

    def move_row(self, table: str, index: int, by: int) -> str:
        """The text with the row one place up (``by`` -1) or down (1), its comment with it. Raises NotRewritten."""
        other = index + (1 if by > 0 else -1)
        rows = self._rows(table)
        if min(index, other) < 0 or max(index, other) >= len(rows):
            raise NotRewritten("The row stands at the end of its table already.")
        upper, lower = min(index, other), max(index, other)
        if rows[lower].get("incomplete") is True:
            raise NotRewritten("The row for missing readings stays the last one.")
        first, last = self._lines_of(table, upper, with_comments=True)
        begins, ends = self._lines_of(table, lower, with_comments=True)
        lines = self.text.split("\n")
        swapped = [
            *lines[:first],
            *lines[begins : ends + 1],
            *lines[last + 1 : begins],
            *lines[first : last + 1],
            *lines[ends + 1 :],
        ]
        moved = [*rows[:upper], rows[lower], rows[upper], *rows[lower + 1 :]]
        return _meaning("\n".join(swapped), self, table, moved)

    # --- what there is
    def _rows(self, table: str) -> Rows:
        tables = self.document.data.get("tables")
        rows = tables.get(table) if isinstance(tables, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise NotRewritten(f"There is no table called {table} whose rows can be read.")
        return rows

    def _row(self, table: str, index: int) -> dict[str, Value]:
        rows = self._rows(table)
        if not 0 <= index < len(rows):
            raise NotRewritten("This row is not there any more.")
        return rows[index]

    def _all_rows(self) -> Iterator[dict[str, Value]]:
        for rows in self.document.data["tables"].values():
            yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()

    def _lines_of(self, table: str, index: int, *, with_comments: bool) -> tuple[int, int]:
        """The first and the last line (from 0) of a row that stands on lines of its own. Raises NotRewritten."""
        spans = _spans(self.text)
        if spans["tables", table].flow:
            raise NotRewritten(
                "The rows of this table stand in brackets. Write each on lines of its own to add, move or delete one."
            )
        span, lines = spans["tables", table, index], self.text.split("\n")
        first, last = self._line(span.start), self._line(span.end)
        if not lines[first].lstrip().startswith("-"):
            raise NotRewritten("This row does not begin on the line of its dash. Edit it in the text.")
        if with_comments:
            dash = len(lines[first]) - len(lines[first].lstrip())
            while first > 0 and lines[first - 1].startswith(" " * dash + "#"):
                first -= 1
        return first, last

    def _line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset)

    # --- what is written
    def _put(self, spans: dict[Steps, Span], at: Steps, value: Value) -> str:
        """``value`` (a text, or texts by language) at ``at``, in place of what is there or behind its neighbours."""
        text, there, around = self.text, spans.get(at), spans[at[:-1]]
        if there is not None:
            column = there.start - (text.rfind("\n", 0, there.start) + 1)
            indent = _indent_of_key(text, there.start)
            return text[: there.start] + _written(value, there.flow, column, indent, there.style) + text[there.end :]
        key = f"{at[-1]}: "
        if around.flow:
            return f"{text[: around.end - 1].rstrip()}, {key}{_written(value, True, 0, 0)}{text[around.end - 1 :]}"
        indent = around.start - (text.rfind("\n", 0, around.start) + 1)
        end = text.find("\n", around.end)
        end = len(text) if end < 0 else end
        return f"{text[:end]}\n{' ' * indent}{key}{_written(value, False, indent + len(key), indent)}{text[end:]}"

    def _if_so(self, written: str, table: str, index: int, row: dict[str, Value]) -> str:
        rows = self._rows(table)
        return _meaning(written, self, table, [*rows[:index], row, *rows[index + 1 :]])


def _meaning(written: str, before: Tables, table: str, rows: Rows) -> str:
    """``written``, if it says what the text before said but for these rows. Raises NotRewritten."""
    old, new = before.document.data, Tables(written).document.data
    wanted = {**old, "tables": {**old["tables"], table: rows}}
    if new != wanted:
        raise NotRewritten("This cannot be written into the text from the table. Edit it in the text.")
    return written


def _written(value: Value, flow: bool, column: int, indent: int, style: str = "") -> str:
    """``value`` as YAML. ``column``: where it begins; ``indent``: of its key."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(one, True, 0, 0)}" for key, one in value.items()) + "}"
    text = str(value)
    if not flow and (style == ">" or column + len(text) > WIDEST) and _folds(text):
        wide = max(40, WIDEST - indent - 2)
        lines = textwrap.wrap(text, wide, break_long_words=False, break_on_hyphens=False)
        return ">-\n" + "\n".join(" " * (indent + 2) + line for line in lines)
    if style not in ('"', "'") and _plain(text, flow):
        return text
    return "'" + text.replace("'", "''") + "'" if text.isprintable() and (style == "'" or '"' in text) else _quoted(text)


def _folds(text: str) -> bool:
    return "  " not in text and text == text.strip() and text.isprintable()


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in inner) + '"'


def _plain(text: str, flow: bool) -> bool:
    """Whether the text may stand without quotes: read back, it is that very text."""
    if not text.isprintable() or (flow and re.search(r"[,\[\]{}?:]", text)):
        return False
    try:
        composer = Composer("")
        read = composer.document(yaml.parse(f"{{k: {text}}}" if flow else f"k: {text}", Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, Broken, UnicodeError):
        return False
    return bool(read == {"k": text}) and not composer.problems


def _indent_of_key(text: str, offset: int) -> int:
    """The column of the first sign on the line of ``offset``, behind a dash if there is one."""
    begin = text.rfind("\n", 0, offset) + 1
    found = re.match(r"[ ]*(?:- +)?", text[begin:])
    return len(found.group()) if found else 0


def _fresh(name: str, taken: set[str]) -> str:
    endings = (*"bcdefghijklmnopqrstuvwxyz", *map(str, range(2, 1000)))
    return next(f"{name}{ending}" for ending in endings if f"{name}{ending}" not in taken)


def _spans(text: str) -> dict[Steps, Span]:
    """Where each value of a sound text stands; ends without the blanks and comments behind."""
    events = yaml.parse(text, Loader=yaml.CSafeLoader)
    spans: dict[Steps, Span] = {}

    def value(event: yaml.Event, steps: Steps, flow: bool) -> int:
        start, end = _begins(event), _ends(event)
        if isinstance(event, yaml.ScalarEvent):
            style = event.style or ""
            if style in ("|", ">"):
                end = start + len(text[start:end].rstrip())
            spans[steps] = Span(start, end, flow, style)
            return end
        inside = flow or bool(getattr(event, "flow_style", False))
        closing = yaml.SequenceEndEvent if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingEndEvent
        number = 0
        while not isinstance(inner := next(events), closing):
            if isinstance(event, yaml.SequenceStartEvent):
                end = value(inner, (*steps, number), inside)
                number += 1
            else:
                end = value(next(events), (*steps, str(getattr(inner, "value", ""))), inside)
        if getattr(event, "flow_style", False):
            end = _ends(inner)
        spans[steps] = Span(start, end, inside)
        return end

    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            value(next(events), (), False)
    return spans


def _begins(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark is not None else 0


def _ends(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark is not None else 0
