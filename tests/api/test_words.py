"""Every reason of the engine has a line that people can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from api.showing import words
from api.showing.words import line, texts, word
from pathways import engine
from pathways.engine.commands import Reason
from pathways.engine.events import ReferralStage
from pathways.engine.refills import Stage
from pathways.engine.state import Life
from pathways.language import source

FAMILIES = {"life_{life}": get_args(Life), "referral_{stage}": get_args(ReferralStage), "refill_{stage}": get_args(Stage)}


def codes_of_the_engine() -> set[str]:
    source = "\n".join(path.read_text() for path in Path(engine.__file__).parent.glob("*.py"))
    plain = re.findall(r'(?:because|put_down)\(\s*(?:turn,\s*)?"([a-z_]+)"', source) + re.findall(r'code="([a-z_]+)"', source)
    families = re.findall(r'because\(\s*f"([^"]+)"', source)
    assert set(families) <= set(FAMILIES), "a new family of codes: tell this test what it may be"
    return {*plain, *(re.sub(r"\{.*\}", one, family) for family in families for one in FAMILIES[family])}


def test_every_reason_that_the_engine_gives_has_a_text_in_both_languages() -> None:
    codes = codes_of_the_engine()
    assert len(codes) > 60
    missing = {code for code in codes if set(texts()["reasons"].get(code, {})) < {"en", "zh-Hans"}}
    assert not missing, f"add to api/showing/timeline.yaml: {', '.join(sorted(missing))}"


def test_every_code_is_said_in_every_language_of_the_console_with_the_same_things_filled_in() -> None:
    wanted = {"en", "zh-Hans", "zh-Hant", "es"}
    for section, codes in texts().items():
        for code, text in codes.items():
            assert wanted <= set(text), f"{section}.{code}: add it to api/showing/timeline.{{es,zh-Hant}}.yaml"
            filled = {language: set(re.findall(r"\{(\w+)\}", text[language])) for language in wanted}
            assert all(names <= filled["en"] | filled["zh-Hans"] for names in filled.values()), (section, code)


def test_what_the_shipped_pathways_say_is_said_in_every_language_of_the_console() -> None:
    """A reader of Spanish or traditional Chinese meets no English and no simplified characters on a page of a patient."""

    def told(part: object) -> Iterator[dict[str, str]]:
        if isinstance(part, dict) and {"en", "zh-Hans"} <= set(part):
            yield part
        elif isinstance(part, dict | list):
            for one in part.values() if isinstance(part, dict) else part:
                yield from told(one)

    library = Path(engine.__file__).parents[1] / "library"
    said = [text for path in library.glob("*.yaml") for text in told(source.shipped(path))]
    assert len(said) > 400
    for language in ("es", "zh-Hant"):
        missing = {text["en"] for text in said if language not in text} - set(words.library()[language])
        assert not missing, f"add to api/showing/library.{language}.yaml: {sorted(missing)}"
    assert words.in_language({"en": "critical pressure", "zh-Hans": "血压达到危急值"}, "zh-Hant") == "血壓達到危急值"
    assert words.language_in({"en": "critical pressure"}, "es") == "es"
    assert words.in_language({"en": "critical pressure", "es": "muy alta"}, "es") == "muy alta", "a pathway's own words come first"


def test_every_task_that_the_engine_opens_is_called_something() -> None:
    source = "\n".join(path.read_text() for path in Path(engine.__file__).parent.glob("*.py"))
    library = "\n".join(path.read_text() for path in (Path(engine.__file__).parents[1] / "library").glob("*.yaml"))
    kinds = set(re.findall(r'TaskSpec\("([a-z_]+)"', source)) | set(re.findall(r"open_task: {kind: ([a-z_]+)", library))
    missing = kinds - set(texts()["tasks"])
    assert not missing, f"add to api/showing/timeline.yaml: {', '.join(sorted(missing))}"


def test_a_decision_is_told_with_its_row_its_words_and_what_it_read() -> None:
    reason = Reason(
        at=datetime(2025, 3, 3, tzinfo=UTC),
        code="decided",
        row="HTN-E1",
        decision="EMERGENCY_REFERRAL",
        inputs={"sbp": 192.0, "adr": False, "symptoms": ("vomiting",)},
        because={"en": "emergency value", "zh-Hans": "危急值"},
    )
    assert line(reason, "en") == (
        "Emergency referral by row HTN-E1: emergency value (systolic 192, adverse drug reaction no, danger signs vomiting)"
    )
    assert line(reason, "zh-Hans") == "紧急转诊，依据HTN-E1：危急值（收缩压 192、药物不良反应 否、危急症状 呕吐）"
    assert line(reason, "fr") == line(reason, "en")


def test_a_task_is_called_the_same_in_the_story_as_on_the_list() -> None:
    reason = Reason(datetime(2025, 3, 3, tzinfo=UTC), "task_opened", detail={"kind": "confirm_referral", "by": "doctor"})
    assert line(reason, "en") == "Task for the doctor: Approve or decline the referral"
    assert line(reason, "zh-Hans") == "任务（医生）：确认转诊"


def test_a_day_is_written_as_the_reader_writes_it_and_a_word_that_only_looks_like_one_stays() -> None:
    reason = Reason(datetime(2025, 3, 3, tzinfo=UTC), "task_postponed", detail={"until": "2025-03-17", "reason": "2025-02-30"})
    assert line(reason, "en") == "Task put off until 17 Mar 2025: 2025-02-30"
    assert line(reason, "es").endswith("17 mar 2025: 2025-02-30")
    assert line(reason, "zh-Hant").startswith("任務延期至2025年3月17日")


def test_what_was_held_back_says_by_what() -> None:
    reason = Reason(datetime(2025, 3, 3, tzinfo=UTC), "not_sent", held_back="weekly_cap", detail={"template": "exam_soon"})
    assert line(reason, "en") == "Not sent: exam soon (the week's texts are used up)"


def test_a_code_that_nobody_wrote_a_text_for_is_shown_as_it_is() -> None:
    assert line(Reason(datetime(2025, 3, 3, tzinfo=UTC), "moved_to_mars"), "en") == "moved_to_mars"
    assert word("words", "double_vision", "en") == "double vision"
