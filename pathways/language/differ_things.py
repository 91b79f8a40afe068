"""What came or went, in a few words: a service by its rhythm, a decision by all that it does, a row by its condition."""

from __future__ import annotations

from typing import Any

from pathways.engine.conditions import Expression
from pathways.engine.plan import AskSpec, Decision, Given, ReferSpec, Row, Service, Table, TaskSpec
from pathways.language.differ_words import Words

_RHYTHMIC = frozenset({"follow_up", "screening", "message"})


def came(words: Words, phrase: str, what: str, name: str, thing: Any) -> str:
    """That ``thing`` is new or gone (``phrase``), by its title and what it does."""
    title = words.title(getattr(thing, "title", None) or getattr(thing, "label", None) or {}, name)
    told = described(words, thing)
    return words(phrase, what=words(f"what.{what}"), it=words.about(title, told) if told else title)


def described(words: Words, thing: Any) -> str:
    """What it does; empty where its title says it all."""
    match thing:
        case Row():
            when = words.field("Row.incomplete", True) if thing.incomplete else words.field("Row.when", thing.when)
            return words.listed([when, words.field("Row.decision", thing.decision)])
        case Decision():
            told = [words.field("Decision.tag", thing.tag), words.field("Decision.within", thing.within)]
            told += [referral(words, thing.refer)] if thing.refer else []
            told += [task(words, one) for one in thing.open_tasks]
            told += [advice(words, thing.ask)] if thing.ask else []
            told += [words.field(f"Decision.{name}", it) for name in ("send", "alert") if (it := getattr(thing, name))]
            return words.listed(told)
        case Service():
            told = [words.coded("kind", thing.kind), words.field("Service.by", thing.by)]
            told += [words.field("Service.every", thing.every)] if thing.kind in _RHYTHMIC else []
            return words.listed(told)
        case Table():
            return words.listed(row.id for row in thing.rows)
        case Expression():
            return words.plain(thing)
        case Given():
            return words.plain(thing.value)
        case _:
            return ""


def referral(words: Words, one: ReferSpec) -> str:
    """A referral in words."""
    return words.listed(words.field(f"ReferSpec.{name}", getattr(one, name)) for name in ("service", "urgency", "confirm"))


def advice(words: Words, one: AskSpec) -> str:
    """Whose advice is asked, in words."""
    return words.listed(words.field(f"AskSpec.{name}", getattr(one, name)) for name in ("service", "by", "within"))


def task(words: Words, one: TaskSpec) -> str:
    """A task in words."""
    return words("TaskSpec", kind=one.kind, role=words.word(one.by), it=words.days(one.within))
