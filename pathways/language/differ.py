"""What a change of a pathway is, in the words of care: from two compiled pathways and their messages, never from lines of text.

Rule 1: every field of a compiled pathway is looked at; one that this module was never told of is told by its name.
Rule 2: what the care would not notice is not told: comments, scenarios, line numbers, the order of what has no order.
Rule 3: whatever two pathways differ in otherwise gives at least one sentence; equal ones give none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from pathways.engine.conditions import Expression
from pathways.engine.plan import ByTag, Decision, Pathway, Reading, Row, Service, Table, Text
from pathways.language.catalogue import Loaded
from pathways.language.differ_conditions import condition_changes
from pathways.language.differ_services import escalations, reminders
from pathways.language.differ_things import advice, came, referral, task
from pathways.language.differ_words import Words

Kind = Literal["added", "removed", "changed"]
Said = tuple[Kind, str]

#: Fields that are told elsewhere: names by what is added and removed, months with the days that they make.
ELSEWHERE = {
    (Pathway, "version"),  # the hash of the text, comments and all
    (Row, "line"),
    (Row, "id"),
    (Decision, "months"),
    *((cls, "name") for cls in (Reading, Decision, Table, Service)),
}
_NEW: tuple[str, Kind] = ("new_one", "added")
_GONE: tuple[str, Kind] = ("gone", "removed")
_TEXTS = {(Pathway, "title"), (Reading, "label"), (Decision, "title"), (Row, "because"), (Service, "title")}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes. ``area``: pathway, tag, reading, value, decision, service, table or message; ``name``: which one."""

    area: str
    name: str
    kind: Kind
    sentence: str


def differences(old: Loaded, new: Loaded, language: str = "en") -> tuple[Difference, ...]:
    """What changes from ``old`` to ``new``, in the order of a document. Raises ValueError where one of them does not compile."""
    if old.pathway is None or new.pathway is None:
        raise ValueError("a document with errors has no pathway to compare; mend its errors first")
    messages = [one.wording.messages.get(one.pathway.name, {}) for one in (old, new) if one.pathway is not None]
    return tuple(_Differ(old.pathway, new.pathway, Words(language)).all(*messages))


@dataclass(frozen=True, slots=True)
class _Differ:
    old: Pathway
    new: Pathway
    words: Words

    def all(self, before: Mapping[str, Text], after: Mapping[str, Text]) -> Iterator[Difference]:
        sections = {"readings": "reading", "values": "value", "decisions": "decision", "services": "service", "tables": "table"}
        for one in fields(Pathway):
            if one.name in sections:
                yield from self._section(sections[one.name], getattr(self.old, one.name), getattr(self.new, one.name))
            elif one.name == "urgent_messages":
                yield from self._messages(before, after)
            else:
                area = "tag" if one.name == "tags" else "pathway"
                for kind, sentence in self._field(self.old, self.new, one.name):
                    yield Difference(area, self.new.name, kind, sentence)

    def _section(self, area: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
        """What a section of the document gains, loses and changes."""
        removed, added = [name for name in old if name not in new], [name for name in new if name not in old]
        for name in removed:
            again = next((one for one in added if _is_but_called(old[name], new[one], name, one)), None)
            if again is None:
                yield Difference(area, name, "removed", came(self.words, "gone", area, name, old[name]))
            else:
                added.remove(again)
                yield Difference(area, again, "changed", self.words("renamed", old=name, new=again))
        for name in new:
            if name in added:
                yield Difference(area, name, "added", came(self.words, "new_one", area, name, new[name]))
            elif name in old and old[name] != new[name]:
                for kind, sentence in self.changes("Pathway.value", old[name], new[name]):
                    yield Difference(area, name, kind, sentence)

    def _messages(self, before: Mapping[str, Text], after: Mapping[str, Text]) -> Iterator[Difference]:
        """Wordings by language, and which of them are sent at any hour."""
        words = self.words
        urgent = [frozenset(self.old.urgent_messages), frozenset(self.new.urgent_messages)]
        for name in dict.fromkeys([*after, *before, *sorted(urgent[0] | urgent[1])]):
            known = [name in before or name in urgent[0], name in after or name in urgent[1]]
            if not all(known):
                phrase, kind = _NEW if known[1] else _GONE
                it = words.about(name, words.listed(self._quoted((after if known[1] else before).get(name, {}))))
                yield Difference("message", name, kind, words(phrase, what=words("what.message"), it=it))
                continue
            for language, sentence in self._texts(before.get(name, {}), after.get(name, {})):
                yield Difference("message", name, "changed", words.about(words("in_language", language=language), sentence))
            if (name in urgent[0]) != (name in urgent[1]):
                sides = [words.field("Pathway.urgent_messages", name in one) for one in urgent]
                yield Difference("message", name, "changed", words.becomes(*sides))

    def _quoted(self, texts: Text) -> list[str]:
        return [self.words("quoted", it=text) for language, text in texts.items() if language == self.words.language] or [
            self.words("quoted", it=text) for text in texts.values()
        ]

    def _texts(self, old: Text, new: Text) -> Iterator[tuple[str, str]]:
        for language in dict.fromkeys([*new, *old]):
            before, after = old.get(language), new.get(language)
            if before != after:
                sides = [self.words("nothing") if one is None else self.words("quoted", it=one) for one in (before, after)]
                yield language, self.words.becomes(*sides)

    def changes(self, key: str, old: Any, new: Any) -> Iterator[Said]:
        """Every field of two things of one name; or the two values themselves."""
        if is_dataclass(old) and type(old) is type(new) and not isinstance(old, Expression):
            for one in fields(old):
                yield from self._field(old, new, one.name)
        else:
            yield from self._values(key, old, new)

    def _field(self, old: Any, new: Any, name: str) -> Iterator[Said]:
        cls, before, after = type(old), getattr(old, name), getattr(new, name)
        if before == after or (cls, name) in ELSEWHERE:
            return
        key = f"{cls.__name__}.{name}"
        if (cls, name) in _TEXTS:
            for language, sentence in self._texts(before, after):
                yield "changed", self.words.about(self.words.head(key), f"{language} {sentence}")
        elif key in SPECIAL:
            yield from SPECIAL[key](self, old, new)
        else:
            yield from self._values(key, before, after)

    def _values(self, key: str, old: Any, new: Any) -> Iterator[Said]:
        """A change of a value of any type."""
        words = self.words
        if isinstance(old, ByTag) and isinstance(new, ByTag):
            yield from (("changed", sentence) for sentence in self.by_tag(key, old, new))
        elif isinstance(old, Expression) and isinstance(new, Expression):
            yield from (("changed", sentence) for sentence in condition_changes(words, key, old.source, new.source))
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self._entries(key, old, new)
        elif _several(old) and _several(new):
            yield from self._several(key, old, new)
        elif is_dataclass(old) and type(old) is type(new):
            yield from self.changes(key, old, new)
        else:
            yield "changed", words.becomes(words.field(key, old), words.field(key, new))

    def by_tag(self, key: str, old: ByTag, new: ByTag) -> Iterator[str]:
        """By tag, or once where it is the same for all of them."""
        words, tags = self.words, [*self.new.tags]
        if old.always is None or new.always is None:
            tags = list(dict.fromkeys([*tags, *(tag for tag in (*old.days, *new.days) if tag not in self.old.tags)]))
        pairs = {tag: (_on(old, tag) if tag in self.old.tags else None, _on(new, tag)) for tag in tags}
        everybody = (_on(old, None), _on(new, None))
        if not pairs or (len(set(pairs.values())) == 1 and old.always is not None and new.always is not None):
            pairs = {"": everybody}
        for tag, (before, after) in pairs.items():
            if before != after:
                now = words.field(key, after)
                said = now if before is None else words.becomes(words.field(key, before), now)
                yield words.about(words.coded("tag", tag), said) if tag else said

    def _entries(self, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Said]:
        words, what = self.words, self.words.head(key)
        for name in dict.fromkeys([*new, *old]):
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            if is_dataclass(before) and type(before) is type(after):
                for kind, sentence in self.changes(key, before, after):
                    yield kind, words.about(name, sentence)
            elif name not in old:
                yield "added", words("entry", what=what, key=name, it=words.plain(after))
            else:
                yield (
                    ("changed" if name in new else "removed"),
                    words("entry", what=what, key=name, it=words.becomes(words.plain(before), words.plain(after))),
                )

    def _several(self, key: str, old: Iterable[Any], new: Iterable[Any]) -> Iterator[Said]:
        words, what = self.words, self.words.head(key)
        before, after = [self._called(one) for one in old], [self._called(one) for one in new]
        added, removed = [one for one in after if one not in before], [one for one in before if one not in after]
        if added:
            yield "added", words("also", what=what, it=words.listed(added))
        if removed:
            yield "removed", words("no_longer", what=what, it=words.listed(removed))
        ordered = key == "Pathway.tags" or len(before) != len(after)
        if not (added or removed) and ordered:
            yield "changed", words("order", what=what, it=words.listed(after))

    def _called(self, one: Any) -> str:
        reading = self.new.readings.get(one) or self.old.readings.get(one) if isinstance(one, str) else None
        return self.words.title(reading.label, one) if reading is not None else self.words.plain(one)

    def rows(self, old: Table, new: Table) -> Iterator[Said]:
        """Rows by their ids, and their order, which decides."""
        words = self.words
        before, after = {row.id: row for row in old.rows}, {row.id: row for row in new.rows}
        for name, row in after.items():
            if name not in before:
                yield "added", came(words, "new_one", "row", name, row)
            else:
                for kind, sentence in self.changes("Row", before[name], row):
                    yield kind, words.about(name, sentence)
        for name, row in before.items():
            if name not in after:
                yield "removed", came(words, "gone", "row", name, row)
        stay = [name for name in after if name in before]
        if stay != [name for name in before if name in after] or len(after) != len(new.rows) or len(before) != len(old.rows):
            yield "changed", words("order", what=words.head("Table.rows"), it=words.listed(row.id for row in new.rows))

    def within(self, old: Decision, new: Decision) -> Iterator[Said]:
        """In months where the document speaks in months."""
        sides = [
            self.words("Decision.within", it=self.words.months(one.months))
            if one.months
            else self.words.field("Decision.within", one.within)
            for one in (old, new)
        ]
        yield "changed", self.words.becomes(*sides)

    def refer(self, old: Decision, new: Decision) -> Iterator[Said]:
        """A referral that comes, goes, or is another one."""
        if old.refer is not None and new.refer is not None:
            yield from self.changes("Decision.refer", old.refer, new.refer)
        else:
            sides = [
                self.words("Decision.refer.none") if one.refer is None else referral(self.words, one.refer) for one in (old, new)
            ]
            yield "changed", self.words.becomes(*sides)

    def ask(self, old: Decision, new: Decision) -> Iterator[Said]:
        """Advice that is asked, no longer asked, or another one's."""
        if old.ask is not None and new.ask is not None:
            yield from self.changes("Decision.ask", old.ask, new.ask)
        else:
            sides = [self.words("Decision.ask.none") if one.ask is None else advice(self.words, one.ask) for one in (old, new)]
            yield "changed", self.words.becomes(*sides)

    def tasks(self, old: Decision, new: Decision) -> Iterator[Said]:
        """Tasks by what kind they are."""
        waiting = list(old.open_tasks)
        for one in new.open_tasks:
            before = next((other for other in waiting if other.kind == one.kind), None)
            if before is None:
                yield "added", self.words("new_one", what=self.words("what.task"), it=task(self.words, one))
                continue
            waiting.remove(before)
            for kind, sentence in self.changes("Decision.open_tasks", before, one):
                yield kind, self.words.about(self.words.field("TaskSpec.kind", one.kind), sentence)
        for one in waiting:
            yield "removed", self.words("gone", what=self.words("what.task"), it=task(self.words, one))


SPECIAL: dict[str, Callable[[_Differ, Any, Any], Iterator[Said]]] = {
    "Table.rows": _Differ.rows,
    "Decision.within": _Differ.within,
    "Decision.refer": _Differ.refer,
    "Decision.ask": _Differ.ask,
    "Decision.open_tasks": _Differ.tasks,
    "Service.remind": lambda differ, old, new: reminders(differ.words, old.remind, new.remind),
    "Service.if_missed": lambda differ, old, new: escalations(differ.words, differ.changes, old.if_missed, new.if_missed),
}


def _several(value: Any) -> bool:
    plausible = isinstance(value, tuple) and bool(value) and all(isinstance(one, float) for one in value)
    return isinstance(value, tuple | frozenset | list) and not plausible


def _on(days: ByTag, tag: str | None) -> int | None:
    return days.on(tag) if days.always is not None or days.days else None


def _is_but_called(old: Any, new: Any, name: str, again: str) -> bool:
    """Whether ``new`` is ``old`` under another name."""
    if isinstance(old, Reading | Decision | Table | Service) and type(old) is type(new):
        return bool(replace(old, name=again) == new)
    return bool(old == new) and name != again
