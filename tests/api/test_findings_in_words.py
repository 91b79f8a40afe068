"""What is wrong with a definition, or with a row of a list of people, is said in the reader's language, and never half of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from api.checker import NOT_CHECKED, check
from api.showing import findings
from api.showing.findings import CHECKED, LONGEST, ROWS, in_words
from api.showing.words import called, language_in
from pathways.language import source
from pathways.language.schema import schema
from records.intake.people import Intake, Refused
from records.intake.roster import read_roster
from records.intake.units import MEASURES
from tests.api.small import SMALL

LANGUAGES = ("es", "zh-Hans", "zh-Hant")
GAP = re.compile(r"\{\w+\}")
HERE = Path(findings.__file__)
WRONG_ROWS = """id,name,sex,born,died,phone,carer_phone,sms_consent,language,时区,疾病,用药,bp,fpg,sbp,测量日期,眼底检查,心情
A-1,,x,1950-01-01,,12,13,maybe,Klingon,Mars,lumbago,moss,a lot,7.2 spoons,400,2025-02-01,2031-01-01,good
A-2,Li,,1950-01-01,soon,,,,,,,metformin:yesterday:30,,,120,,,
A-3,Li,,01/02/1950,,,,,,,,,,,,,,
A-4,Li,,2031-01-01,,,,,,,,,,,,,,
A-5,Li,,,,,,,,,,,,,,,,
1.2E+17,Li,,1950-01-01,,,,,,,,,,,,,,
,Li,,1950-01-01,,,,,,,,,,,,,,
A-6,Li,,1950-01-01,,,,,,,,,,,,,,,,,too many
"""


def modules(of: str) -> list[Traversable]:
    """Where the sentences of a list are said."""
    if of == CHECKED:
        own = [one for one in resources.files("pathways.language").iterdir() if one.name.endswith(".py")]
        return [*own, resources.files("api").joinpath("checker.py")]
    read = [resources.files("records.intake").joinpath(f"{name}.py") for name in ("roster", "chart", "patient", "units")]
    return [*read, resources.files("api").joinpath("rostering.py")]


def sentences(of: str) -> Iterator[str]:
    """Every text in those modules, its gaps as a mark; what the schema calls things, and the units' measures."""
    for module in modules(of):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    if of == ROWS:
        yield from (measure.replace("_", " ") for measure in MEASURES)
        return
    waiting = [schema()]
    while waiting:
        one = waiting.pop()
        yield from (value for key, value in one.items() if key == "title" and isinstance(value, str))
        inner = [value for value in one.values() if isinstance(value, dict)]
        waiting += inner + [each for value in one.values() if isinstance(value, list) for each in value if isinstance(each, dict)]


def alone(sentence: str) -> str:
    """Without what is put around it where it is told: whose scenario it is, how many there were of it."""
    counted = re.fullmatch(r"\{count\} (.+): \{failure\}", sentence)
    return GAP.sub("x", counted[1] if counted else sentence)


@pytest.mark.parametrize("of", [CHECKED, ROWS])
def test_each_sentence_of_a_list_is_one_that_is_said_and_has_its_gaps_in_every_language(of: str) -> None:
    listed = source.shipped(HERE.with_name(f"{of}.yaml"))
    texts = {one for one in sentences(of) if one in listed or len(re.sub(r"\W", "", one.replace("\0", ""))) > 2}
    known = [re.compile(re.escape(one).replace("\0", ".+?")) for one in texts]
    for sentence, meant in listed.items():
        kept = re.compile(".+?".join(map(re.escape, GAP.split(sentence))), re.DOTALL)
        said = any(one.fullmatch(alone(sentence)) for one in known) or any(kept.fullmatch(one) for one in texts)
        assert said, f"nothing says: {sentence}"
        assert set(meant) == set(LANGUAGES), sentence
        for language, text in meant.items():
            gaps = set(GAP.findall(text))
            assert gaps <= set(GAP.findall(sentence)), f"{language}: {text}"
            assert set(GAP.findall(sentence)) - gaps <= {"{kind}"}, f"{language} loses a part: {text}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_wrong_with_a_row_is_said_in_every_language(language: str) -> None:
    found = list(read_roster(WRONG_ROWS, "roster", on=date(2026, 3, 1)))
    refused = [(one.what, one.remedy) for one in found if isinstance(one, Refused)]
    noted = [(note.what, note.remedy) for one in found if isinstance(one, Intake) for note in one.notes]
    assert (len(refused), len(noted)) == (6, 19)
    english = [said for pair in (*refused, *noted) for said in pair if in_words(said, language, ROWS) == said]
    assert english == []


def test_a_day_is_said_as_the_reader_writes_it_and_what_somebody_wrote_stays_as_they_wrote_it() -> None:
    late = "column born: 2031-01-01 has not come yet"
    assert in_words(late, "en", ROWS) == "column born: 1 Jan 2031 has not come yet"
    assert in_words(late, "es", ROWS) == "columna born: el 1 ene 2031 no ha llegado todavía"
    assert in_words(late, "zh-Hant", ROWS) == "born 欄：2031年1月1日 還沒有到"
    assert in_words("column born: '2031-13-01' is not a day", "zh-Hans", ROWS) == "born 列：'2031-13-01' 不是日期"
    otherwise = "moved: at home: due: follow_up expected 2026-03-03, found not at all"
    assert in_words(otherwise, "en") == "moved: at home: due: follow_up expected 3 Mar 2026, found not at all"
    assert in_words(otherwise, "zh-Hans") == "moved：at home：follow_up 的到期日预期 2026年3月3日，实际 不出现"
    assert in_words("well: referral: none is open on 2026-03-03", "es") == (
        "well: referral: no hay ninguna derivación abierta el 3 mar 2026"
    )
    assert in_words("write for example 2026-03-03", "es") == "escriba por ejemplo 2026-03-03", "what is to be typed stays so"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (SMALL.replace("decide: followup", "decide: followups"), "没有名为 'followups' 的表；是不是 'followup'？"),
        (SMALL.replace("basis: product\n", "", 1), "缺少 'basis'"),
        (SMALL.replace("every: {red: 15 days", "every: {red: 15 dayz"), "不是时间长度"),
        (SMALL.replace("then: FINE", "than: FINE"), "没有 'than' 这个键"),
        (SMALL.replace("tag: red}}", "tag: green}}"), "预期 green，实际 red"),
        (SMALL.replace("your visit", "your hypertension visit"), "会让旁人知道"),
        (SMALL.replace("sbp < 140", "sbp < "), "条件没有写完"),
        (SMALL + "\n\tx: 1\n", "请用空格缩进"),
    ],
)
def test_the_commonest_mistakes_are_said_in_chinese(wrong: str, right: str) -> None:
    found = [f"{in_words(one.what, 'zh-Hans')}；{in_words(one.remedy, 'zh-Hans')}" for one in check(wrong).diagnostics]
    assert any(right in one for one in found), found


def test_what_the_list_does_not_have_stays_as_it_is() -> None:
    for said in (
        "this is not YAML: it breaks off",
        "'x' is not what the moon says",
        f"no table called {'x' * LONGEST!r}",
        NOT_CHECKED,
    ):
        assert in_words(said, "es") == said
    assert in_words("no table called 'x'", "en") == "no table called 'x'"
    assert in_words("no table called 'x'", "zh-TW") == "沒有名為 'x' 的表"


def test_what_a_pathway_does_not_say_in_the_readers_language_is_said_in_the_nearest_that_it_has() -> None:
    title = {"en": "Zumba", "zh-Hans": "尊巴"}
    told = {language: called(title, "zumba", language) for language in ("en", "es", "es-MX", "zh-Hans", "zh-Hant", "zh-TW", "fr")}
    assert told == {**dict.fromkeys(told, "Zumba"), **dict.fromkeys(("zh-Hans", "zh-Hant", "zh-TW"), "尊巴")}
    assert language_in(title, "zh-Hant") == "zh-Hans", "a cell of a table is written where it was read"
    assert language_in(title, "es") == "en"
    assert language_in({}, "es") == "es"
    assert called(title, "follow_up", "es") == "Control", "our own word in the reader's language comes before a title in another"
    assert called({}, "zumba_class", "es") == "zumba class"
