"""What a patient's SMS means: a digit, STOP, a reading, a cry for help, or words for the health manager.

Rule 1: a danger word wins over everything, also when negated ("no chest pain"): a nurse's look costs a minute.
Rule 2: an answer is taken for more than text only when nothing in it is left over to guess at; what is said beside a reading is
        for a person, and so is a value that may be somebody else's or a target.
Rule 3: a value that cannot be is asked for again and never repeated back. Nothing is lost: the caller keeps the text.
The words are in ``answers.yaml``; every language's are read, since people mix them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pathways.language import source

Kind = Literal["confirm", "another_day", "stop", "start", "reading", "unclear", "danger", "text", "help"]
"""``help``: never by ``read_answer``, for whom it is for is another's question: see ``asks_help``."""

PLAUSIBLE = {"sbp": (50.0, 300.0), "dbp": (30.0, 200.0), "glucose": (1.0, 33.3), "spo2": (40.0, 100.0)}
"""mm[Hg] for pressures, mmol/L for glucose (the span of home meters), % for oxygen; outside is a slip of the finger."""

LEAST_ALONE = 2.0
"""mmol/L. Less, without a name or unit, is rather "1 or 2" ("1,2") than so low a glucose."""

ALIKE = 1.15
"""Of two values of one kind the last counts; where another is more than so many times off, a person looks at both."""

MG_PER_DL_FROM = 36.0
"""A whole number of this or more without a unit is a glucose in mg/dL: no meter shows so many mmol/L, or a part of a mg."""

MG_PER_DL_IN_A_MMOL_PER_L = 18.016


@dataclass(frozen=True, slots=True)
class Answer:
    """``readings``: sbp and dbp in mm[Hg], fpg and other_glucose in mmol/L, spo2 in %. ``danger``: names of signs, sorted.

    ``readings`` may also come with ``danger``. ``ask_again``: a number was meant as a reading and could not be one; where
    there is nothing else, the answer is ``unclear``. ``more``: beside the reading something is said or asked that a person
    should read.
    """

    kind: Kind
    readings: Mapping[str, float] = field(default_factory=dict, repr=False)
    danger: tuple[str, ...] = ()
    ask_again: bool = False
    more: bool = False


def read_answer(text: str, *, language: str) -> Answer:
    """Read one SMS. ``language`` is a tag such as ``es`` or ``zh-Hans``: in Spanish "12 con 8" asks again, since it is
    said for 120/80. Never raises on any text.
    """
    words = _words()
    plain = normalise(text)
    readings, ask_again, rest = _readings(plain, words, spanish=language.lower().startswith("es"))
    mine = not words.not_theirs.search(plain)
    if danger := words.signs(plain):
        return Answer("danger", readings if mine else {}, danger, ask_again)
    whole = words.without_politeness(plain)
    if whole in words.stop or (words.stop_anywhere.search(plain) and not words.stop_denied.search(plain)):
        return Answer("stop")
    if whole in words.start:
        return Answer("start")
    if words.says(words.confirm, whole, plain):
        return Answer("confirm")
    if words.says(words.another_day, whole, plain):
        return Answer("another_day")
    if not mine:
        return Answer("text")
    if readings:
        return Answer("reading", readings, (), ask_again, not readings.alike or words.says_more(rest))
    return Answer("unclear", ask_again=True) if ask_again else Answer("text")


def asks_help(text: str) -> bool:
    """Whether *HELP* is all that is said, as carriers know it: who are you, and what do you text me?"""
    return only(text) in _words().help


def only(text: str) -> str:
    """What is said, plain and without thanks and full stops."""
    return _words().without_politeness(normalise(text))


def normalise(text: str) -> str:
    """Full-width to half, lower case, no accents, no apostrophes, single spaces."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", "").replace("´", "")).casefold()
    plain = "".join(c for c in plain if not unicodedata.category(c).startswith(("M", "C")) or c in "\n\t")
    return " ".join(_FULL_STOP_FOR_POINT.sub(".", plain).split())


_FULL_STOP_FOR_POINT = re.compile("(?<=\\d)。(?=\\d)")
_PUNCTUATION = ' .,;:!?¡¿"()[]<>*#-_/，。；：！？、（）【】「」“”~…'


def _readings(plain: str, words: "_Words", *, spanish: bool) -> tuple["_Found", bool, str]:
    """The readings, whether one was meant and cannot be, and what is said besides."""
    found = _Found()
    again = False
    rest = words.high_low.sub(r"bp \g<s>/\g<d>", words.spoken_point.sub(r"\1.\2", plain))
    rest = words.times.sub(" ; ", rest)

    for name, pattern in (("spo2", words.oxygen), ("sbp", words.sbp), ("dbp", words.dbp)):
        for match in pattern.finditer(rest):
            if _inside(name, pressed := float(match["n"])):
                found[name] = pressed
            else:
                again = True
        rest = pattern.sub(" ; ", rest)

    def pressure(match: re.Match[str]) -> str:
        nonlocal again
        sbp, dbp = float(match["s"]), float(match["d"])
        named, alone = bool(match["bp"]), not (rest[: match.start()] + rest[match.end() :]).strip(_PUNCTUATION)
        slash = match["by"].strip() not in ("", "-", ",", "，", "、", ".", "y", "and", "和")
        if _inside("sbp", sbp) and _inside("dbp", dbp) and sbp > dbp and (named or alone or slash):
            found["sbp"], found["dbp"] = sbp, dbp
            return " ; "
        a_date = (sbp <= 31 and dbp <= 12) or (sbp <= 12 and dbp <= 31)
        said_short = spanish and match["by"].strip() in ("con", "sobre") and 8 <= sbp <= 25 and 4 <= dbp <= 15
        if named or said_short or (slash and alone and not a_date):
            again = True
            return " ; "
        return " ; " if slash else match[0]

    rest = words.pressure.sub(pressure, rest)
    again = again or bool(words.half_a_pressure.search(rest))
    for match in words.glucose.finditer(rest):
        value = _mmol(float(match["n"].replace(",", ".")), match["unit"])
        if value is None:
            again = True
        else:
            fasting = words.is_fasting.search(match["name"] + " " + (match["after"] or ""))
            found["fpg" if fasting else "other_glucose"] = value
    rest = words.glucose.sub(" ; ", rest)
    for match in words.after_a_meal.finditer(rest):
        value = _mmol(float(match["n"].replace(",", ".")), None)
        again = again or value is None
        if value is not None:
            found["other_glucose"] = value
    rest = words.after_a_meal.sub(" ; ", rest)

    if bare := words.bare.fullmatch(rest.strip(_PUNCTUATION)):
        number = float(bare["n"].replace(",", "."))
        telling = bare["unit"] or bare["after"] or re.fullmatch(r"\d+[.,]\d", bare["n"])  # "9.30" may be a time
        if telling:
            value = _mmol(number, bare["unit"])
            if not (bare["unit"] or bare["after"]) and number < LEAST_ALONE:
                value = None
            again = again or value is None
            if value is not None:
                found["fpg" if words.is_fasting.search(bare["after"] or "") else "other_glucose"] = value
        elif bare["n"].isdigit() and 3 <= number <= 600:  # a whole number alone may be a sugar in either unit or a pressure
            again = True
        rest = ""
    return found, again, rest


class _Found(dict[str, float]):
    """Readings by name; the last one said counts."""

    alike = True

    def __setitem__(self, name: str, value: float) -> None:
        before = self.get(name, value)
        self.alike = self.alike and max(before, value) <= ALIKE * min(before, value)
        super().__setitem__(name, value)


def _inside(name: str, value: float) -> bool:
    low, high = PLAUSIBLE[name]
    return low <= value <= high


def _mmol(value: float, unit: str | None) -> float | None:
    """mmol/L to one decimal, as meters and thresholds have it (126 mg/dL is 7.0); None when it cannot be."""
    if (unit and unit.startswith("mg")) or (not unit and value >= MG_PER_DL_FROM and value.is_integer()):
        value = round(value / MG_PER_DL_IN_A_MMOL_PER_L, 1)
    return value if _inside("glucose", value) else None


class _Words:
    """``answers.yaml``, compiled once."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.stop, self.start = _plain(given["stop"]["whole"]), _plain(given["start"])
        self.help = _plain(given["help"])
        self.stop_anywhere, self.stop_denied = (re.compile(_any(given["stop"][where])) for where in ("anywhere", "denied"))
        self.danger = {name: re.compile("|".join(map(_said, ways))) for name, ways in given["danger"].items()}
        self.cries = _plain(given["cries"])
        self.not_theirs = re.compile(_any([*given["not_theirs"], *given["not_a_reading"]]))
        polite = _any(given["polite"])
        self._polite = re.compile(rf"^(?:{polite}|[\W_])++|(?:{polite}|[\W_])++$")
        self.confirm, self.another_day = (
            re.compile(rf"(?:{_any(given[kind])}|{polite}|[\W_])++") for kind in ("confirm", "another_day")
        )
        self._doubted = re.compile(_any(given["doubted"]))
        usual = ("beside", "fillers", "counts", "polite", "bp", "sbp", "dbp", "oxygen", "glucose", "fasting", "after_meal")
        self._beside = re.compile(_any([*given["between"], *(one for name in usual for one in given[name])]))
        self.is_fasting = re.compile(_any(given["fasting"]))

        gap = rf"(?:{_any(given['fillers'])}|[\s:=,，：、.()（）])*+"  # possessive: no text may take for ever to be read
        counts = rf"(?!\s*(?:{_any(given['counts'])}))"
        whole = r"(?<![\d.,])(?P<n>\d{1,4})(?![\d/]|[.,]\d)"
        self.oxygen = re.compile(rf"(?:{_any(given['oxygen'])}){gap}{whole}\s*%?")
        self.sbp = re.compile(rf"(?:{_any(given['sbp'])}){gap}{whole}")
        self.dbp = re.compile(rf"(?:{_any(given['dbp'])}){gap}{whole}")
        pairs = "|".join(rf"{high}\d{{2,3}}\D{{0,3}}{low}\d{{2,3}}" for high, low in given["high_low"].items())
        self.high_low = re.compile(rf"(?=(?:{pairs})(?!\d))\D(?P<s>\d+)\D+(?P<d>\d+)")
        by = rf"(?P<by>\s*(?:[/\\,，、\-–—.]|{_any(given['between'])})\s*|\s+)"
        self.pressure = re.compile(
            rf"(?:(?P<bp>{_any(given['bp'])}){gap})?(?<![\d.,/])(?P<s>\d{{1,4}}){by}(?P<d>\d{{2,4}}|(?<=[/ ])\d)"
            rf"(?:(?=/\d{{2,3}}$)|(?![\d/]|[.,]\d))"
            rf"{counts}(?:\s*(?:mm\s?hg|毫米汞柱))?(?:\s*[,/ ]\s*(?:p|pulse|pulso|脉搏|心率)?\s*\d{{2,3}}$)?"
        )
        self.half_a_pressure = re.compile(rf"(?:{_any(given['bp'])}){gap}(?<![\d.,])\d{{2,6}}(?![\d/]|[.,]\d){counts}")
        sugar = [*given["glucose"], *given["fasting"]]
        name = rf"(?P<name>{_any(sugar)}(?:{gap}{_any([*sugar, *given['after_meal']])})*+)"
        unit = r"(?:\s*(?P<unit>mmol(?:/l)?|mg(?:/dl)?|毫摩尔|毫摩爾)(?![a-z]))?"
        after = rf"(?:[\s(（]*(?P<after>{_any([*given['fasting'], *given['after_meal']])})(?![\s:]*\d))?"
        number = r"(?<![\d.,])(?P<n>\d{1,4}(?:[.,]\d{1,2})?)(?![\d/]|[.,]\d)"
        self.glucose = re.compile(rf"{name}{gap}{number}{counts}{unit}{after}")
        with_a_point = r"(?<![\d.,])(?P<n>\d{1,2}[.,]\d)(?![\d/]|[.,]\d)"
        self.after_a_meal = re.compile(rf"(?:{_any(given['after_meal'])}){gap}{with_a_point}{counts}")
        dose = unit.replace("mg(?:/dl)?", "mg/dl")  # a lone "5 mg" is a tablet
        told = rf"(?:[\s(（]*(?P<after>{_any([*given['fasting'], *given['after_meal'], *given['glucose']])}))?"
        self.bare = re.compile(rf"{number}{counts}{dose}{told}")
        self.spoken_point = re.compile(rf"((?:{_any(sugar)}){gap}\d{{1,2}})[点點](\d)(?![\d分半])")
        self.times = re.compile(r"\b\d{1,2}:\d{2}(?:\s*(?:am|pm))?|\b\d{1,2}(?:\.\d{2})?\s*(?:am|pm)\b|\d{1,2}[点點时時]\d{0,2}")

    def says(self, phrases: re.Pattern[str], whole: str, plain: str) -> bool:
        """Whether nothing but these phrases and politeness is said, and none of it is asked or crossed out."""
        if not whole or sum(sign.isdigit() for sign in whole) > 1 or self._doubted.search(plain):
            return False
        return phrases.fullmatch(whole) is not None

    def signs(self, plain: str) -> tuple[str, ...]:
        """The signs of danger in a text, sorted."""
        found = {name for name, pattern in self.danger.items() if pattern.search(plain)}
        return tuple(sorted(found | ({"emergency"} if self.without_politeness(plain) in self.cries else set())))

    def says_more(self, rest: str) -> bool:
        """Whether what is left beside readings asks something, or holds words that are not usual there."""
        left = self._beside.sub(" ", self.times.sub(" ", rest))
        words = re.findall(r"[^\W\d_a-z]{2,}|[a-z]{3,}", left)
        return bool(words) or self._doubted.search(rest) is not None

    def without_politeness(self, plain: str) -> str:
        return self._polite.sub("", plain)


@cache
def _words() -> _Words:
    return _Words(source.shipped(Path(__file__).with_name("answers.yaml")))


def _said(way: Sequence[str] | Mapping[str, Sequence[str]]) -> str:
    """A pattern for one way to say something: a phrase, or two words near each other."""
    if not isinstance(way, Mapping):
        return _any(way)
    first, other = _any(way["words"]), _any(way.get("and") or way["then"])
    pattern = f"{first}{_NEAR}{other}"
    return f"{pattern}|{other}{_NEAR}{first}" if "and" in way else pattern


_NEAR = r"(?:[a-z ,]{0,24}?|[^\d.;!?。；]{0,6}?)"
"""Between two words of one breath: 24 Latin letters, or 6 signs of any kind."""


def _plain(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(normalise(phrase) for phrase in phrases)


def _any(phrases: Iterable[str]) -> str:
    """A pattern for any of the phrases, longest first; Latin words only whole, Chinese anywhere."""
    ordered = sorted(_plain(phrases), key=len, reverse=True)
    return "(?:" + "|".join(_bounded(phrase) for phrase in ordered) + ")"


def _bounded(phrase: str) -> str:
    escaped = re.escape(phrase)
    if phrase.isdigit():
        return rf"(?<!\d){escaped}(?!\d)"
    return rf"(?<![a-z]){escaped}(?![a-z])" if phrase[-1:].isascii() and phrase[-1:].isalpha() else escaped
