"""Why, and why not: an answer about one patient, in sentences, through the API."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.models.why import WhyOut
from api.showing.why import sentences, show_why
from api.showing.words import texts
from pathways.engine.commands import Reason
from pathways.engine.plan import Pathway, Plan
from pathways.forecast.why import Answer, Question
from pathways.language import library
from tests.api.conftest import EMERGENCY, WELL, Network
from tests.api.holding_back import FORECAST, codes


async def asked(network: Network, patient: str, key: str = "manager", **question: Any) -> dict[str, Any]:
    answer = await network.get(f"/patients/{patient}/why", key, **question)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    assert said["stands"]
    return said


def told(said: dict[str, Any], part: str = "stands") -> list[str]:
    return [line["text"] for line in said[part]]


async def test_a_visit_is_not_due_yet_because_of_a_row_that_is_named_with_its_inputs_and_citation(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    said = await asked(network, patient, service="follow_up")
    decided = said["stands"][0]
    assert (decided["row"], decided["inputs"]["sbp"], decided["inputs"]["dbp"]) == ("HTN-C1", 128, 78)
    assert decided["version"]
    assert decided["cites"]
    assert "Follow-up visit is due on 1 Jun 2025: counted from 3 Mar 2025, every 90 days while green" in told(said)
    assert said["held_back"] == ["not_due"]
    assert said["ahead"][0]["kind"] in ("visit", "reminder")
    assert "Follow-up visit next due on 1 Jun 2025" in told(said, "happened")


async def test_a_row_with_a_shorter_time_of_its_own_is_named_for_the_day(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    said = await asked(network, patient, service="follow_up")
    assert "Follow-up visit is due on 17 Mar 2025: 14 days from 3 Mar 2025, as row HTN-E1 says" in told(said)
    referral = await asked(network, patient, referral="to_hospital")
    assert "to_confirm" in referral["held_back"]
    assert "HTN-E1" in {line["row"] for line in referral["stands"]}


async def test_where_no_referral_was_made_the_rows_that_would_make_one_are_named(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    said = await asked(network, patient, referral="to_hospital")
    assert said["held_back"] == ["no_row_asked"]
    assert "HTN-E1" in told(said)[0]
    assert "HTN-C1" in {line["row"] for line in said["stands"]}


async def test_a_row_that_joined_the_referral_of_another_pathway_is_not_said_to_have_asked_for_none(network: Network) -> None:
    patient = await network.enrol(conditions=["hypertension", "type2_diabetes"])
    await network.post(f"/patients/{patient}/visits", {"readings": {**EMERGENCY, "fpg": 17.5}})
    said = await asked(network, patient, referral="to_hospital")
    assert "no_row_asked" not in said["held_back"]
    assert "Row DM-E1 joins the open referral (one referral for one reason)" in told(said)
    day = await asked(network, patient, day="2025-03-17")
    assert len(told(day)) == len(set(zip(told(day), (line["pathway"] for line in day["stands"]), strict=True)))


async def test_a_text_that_was_not_sent_says_what_held_it_back(network: Network) -> None:
    patient = await network.enrol()
    assert (await asked(network, patient, message="visit_soon"))["held_back"] == ["not_due"]
    await network.post("/sandbox/replies", {"from": "+8613812345678", "text": "STOP"}, "gateway")
    assert "opted_out" in (await asked(network, patient, message="visit_soon"))["held_back"]
    nothing = await asked(network, patient, message="happy_birthday")
    assert "no_such_message" in nothing["held_back"]


async def test_a_day_says_what_happened_or_that_nothing_was_due(network: Network) -> None:
    patient = await network.enrol()
    today = await asked(network, patient, day="2025-03-03")
    assert today["happened"]
    assert (await asked(network, patient, day="2025-03-02"))["held_back"] == ["nothing_due"]
    sunday = await asked(network, patient, day="2025-03-09")
    assert {"day_off", "nothing_due"} <= set(sunday["held_back"])
    visit = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    ahead = await asked(network, patient, day=visit)
    assert "visit" in {one["kind"] for one in ahead["ahead"]}


async def test_medicine_is_asked_for_on_its_day_and_stock_is_said(network: Network) -> None:
    patient = await network.enrol()
    said = await asked(network, patient, service="medicine")
    assert told(said) == ["amlodipine lasts until 21 Mar 2025; it is asked for on 15 Mar 2025 (it is not due yet)"]


async def test_for_somebody_in_hospital_that_comes_first_and_chinese_is_spoken(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/hospitalised")
    said = await asked(network, patient, language="zh-Hans")
    assert said["held_back"][0] == "in_hospital"
    assert told(said)[0] == "目前不为患者安排任何事项（住院中）"


async def test_a_service_nobody_has_is_said_and_two_questions_at_once_are_refused(network: Network) -> None:
    patient = await network.enrol()
    assert (await asked(network, patient, service="moon_walk"))["held_back"] == ["no_such_service"]
    answer = await network.get(f"/patients/{patient}/why", service="follow_up", day="2025-03-03")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "day")
    assert (await network.get(f"/patients/{patient}/why", "other-manager")).status_code == 404


async def test_at_a_terminal_it_is_told_in_plain_sentences_with_what_they_rest_on(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    said = WhyOut.model_validate_json((await network.get(f"/patients/{patient}/why", service="follow_up")).content)
    lines = list(sentences(said, "en"))
    assert lines[0].startswith("Stays on routine visits by row HTN-C1")
    assert lines[1].startswith("  row hypertension HTN-C1, version ")
    assert "What happened:" in "\n".join(lines)
    assert "What lies ahead, if all goes to plan:" in "\n".join(lines)


async def test_a_visit_ahead_is_looked_for_on_the_care_teams_own_working_days(network: Network) -> None:
    patient = await network.enrol()
    body = {"place": "centre-1", "first": "2025-05-20", "last": "2025-06-20", "reason": "repairs"}
    closed = await network.post("/closures", body, "administrator")
    assert closed.status_code == 201, closed.text
    seen = (await network.post(f"/patients/{patient}/visits/preview", {"readings": WELL})).json()
    visit = next(one for one in seen["dues"] if one["service"] == "follow_up")
    assert (visit["after"], visit["booked"]) == ("2025-06-01", "2025-05-19")  # before the closure, never after the due day


def test_a_service_is_called_as_the_version_of_its_pathway_calls_it_in_the_language_asked() -> None:
    shipped = library()["hypertension"].pathway
    assert shipped is not None

    def called(version: str, **title: str) -> Pathway:
        titles = {name.replace("_", "-"): said for name, said in title.items()}
        follow_up = replace(shipped.services["follow_up"], title=titles)
        return replace(shipped, version=version, services={**shipped.services, "follow_up": follow_up})

    now, before = called("now", en="well-being visit", zh_Hans="健康随访"), called("before", en="pressure visit")
    plan = Plan({"hypertension": now}, versions={"before": before})
    at, due = datetime(2025, 3, 3, tzinfo=UTC), {"due": "2025-06-01"}
    answer = Answer(tuple(Reason(at, "why_due", "hypertension", v, "follow_up", detail=due) for v in ("now", "before")), (), ())

    def said(language: str) -> list[str]:
        return [line.text for line in show_why(answer, Question(service="follow_up"), plan, "p-1", language).stands]

    assert said("en") == ["Well-being visit is due on 1 Jun 2025", "Pressure visit is due on 1 Jun 2025"]
    assert said("zh-Hans") == ["健康随访于2025年6月1日到期", "随访于2025年6月1日到期"]  # of the second nobody wrote it in Chinese


def test_everything_that_can_hold_something_back_has_words_in_both_languages() -> None:
    found = codes()
    assert len(found) > 60
    missing = {code for code in found if set(texts()["held_back"].get(code, {})) < {"en", "zh-Hans"}}
    assert not missing, f"add to held_back in api/showing/timeline.yaml: {', '.join(sorted(missing))}"


def test_every_answer_has_words_in_both_languages() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FORECAST.glob("*.py")))
    found = set(re.findall(r'"(why_[a-z_]+)"', source))
    assert len(found) > 35
    missing = {code for code in found if set(texts()["reasons"].get(code, {})) < {"en", "zh-Hans"}}
    assert not missing, f"add to reasons in api/showing/timeline.yaml: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("section", ["reasons", "held_back"])
def test_no_sentence_asks_for_what_is_never_there(section: str) -> None:
    for code, said in texts()[section].items():
        english, chinese = (set(re.findall(r"{(\w+)}", said[language])) for language in ("en", "zh-Hans"))
        assert chinese <= english, code
