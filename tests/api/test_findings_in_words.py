"""What is wrong with a definition is said in the coordinator's own language, and never half of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from api.checker import NOT_CHECKED, check
from api.showing import findings
from api.showing.findings import LONGEST, in_words
from api.showing.words import called, language_in
from pathways.language import source
from pathways.language.schema import schema
from tests.api.small import SMALL

LANGUAGES = ("es", "zh-Hans", "zh-Hant")
GAP = re.compile(r"\{\w+\}")
LISTED = source.shipped(Path(findings.__file__).with_name("findings.yaml"))


def sentences() -> Iterator[str]:
    """Every text in the language's modules and the checker, its gaps as a mark; and what the schema calls things."""
    modules = [one for one in resources.files("pathways.language").iterdir() if one.name.endswith(".py")]
    for module in [*modules, resources.files("api").joinpath("checker.py")]:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    waiting = [schema()]
    while waiting:
        one = waiting.pop()
        yield from (value for key, value in one.items() if key == "title" and isinstance(value, str))
        inner = [value for value in one.values() if isinstance(value, dict)]
        waiting += inner + [each for value in one.values() if isinstance(value, list) for each in value if isinstance(each, dict)]


def test_each_sentence_of_the_list_is_one_that_the_checker_says_and_has_its_gaps_in_every_language() -> None:
    known = [
        re.compile(re.escape(one).replace("\0", ".+?"))
        for one in sentences()
        if one in LISTED or len(re.sub(r"\W", "", one.replace("\0", ""))) > 2
    ]
    for sentence, meant in LISTED.items():
        alone = GAP.sub("x", sentence.removeprefix("{scenario}: "))
        assert any(one.fullmatch(alone) for one in known), f"nothing says: {sentence}"
        assert set(meant) == set(LANGUAGES), sentence
        for language, text in meant.items():
            gaps = set(GAP.findall(text))
            assert gaps <= set(GAP.findall(sentence)), f"{language}: {text}"
            assert set(GAP.findall(sentence)) - gaps <= {"{kind}"}, f"{language} loses a part: {text}"


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
