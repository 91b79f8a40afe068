"""Every line of a patient's timeline says what it came of, and who told it: a year of all that happens, in every language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from api.showing.came_of import Behind, came_of
from api.showing.words import texts
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Corrected, DueReached, MessageFailed, TaskClosed, VisitCompleted
from pathways.serial import type_name
from records.timeline import Line, Told
from tests.api.conftest import EMERGENCY, WANG, WELL, Network
from tests.api.test_words import codes_of_the_engine
from tests.kept import heard

LANGUAGES = ("en", "es", "zh-Hans", "zh-Hant")
AT = datetime(2025, 5, 8, 2, tzinfo=UTC)


async def timeline(network: Network, patient: str, language: str = "en") -> list[dict[str, Any]]:
    answer = await network.get(f"/patients/{patient}/timeline", language=language)
    assert answer.status_code == 200, answer.text
    lines: list[dict[str, Any]] = answer.json()["items"]
    return lines


async def do(network: Network, path: str, body: Any = None, key: str = "manager") -> None:
    answer = await network.post(path, body, key)
    assert answer.status_code < 300, (path, answer.text)


async def tasks(network: Network, patient: str) -> list[dict[str, Any]]:
    found = (await network.get("/tasks", limit=200)).json()["items"]
    return [task for task in found if task["patient"]["id"] == patient]


async def a_year(network: Network) -> str:
    """Somebody with two diseases who comes, stays away, writes, is called, referred, refilled, in hospital, and goes on."""
    medicines = [*WANG["medicines"], {"name": "metformin", "last_fill": "2025-02-20", "days_supply": 30}]
    both = {"conditions": ["hypertension", "type2_diabetes"], "medicines": medicines}
    patient = await network.enrol(**both)
    of = f"/patients/{patient}"
    await do(network, f"{of}/visits", {"readings": {**WELL, "adr_hard_to_control": True}})
    (asked,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    await do(network, f"/referrals/{asked['id']}/accept", None, "hospital-1")
    await do(network, f"/referrals/{asked['id']}/book", {"day": "2025-03-10"}, "hospital-1")
    await network.move_to("2025-03-10T06:00:00Z")
    await do(network, f"/referrals/{asked['id']}/attended", None, "hospital-1")
    await do(network, f"/referrals/{asked['id']}/complete", {"report": "Seen and treated."}, "hospital-1")
    await network.move_to("2025-03-16T02:00:00Z")
    refills = (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"]
    for refill in refills:
        await do(network, f"/refills/{refill['id']}/ready", None, "pharmacy-1")
        await do(network, f"/refills/{refill['id']}/dispense", {"days": 30, "without_code": "no_phone"}, "pharmacy-1")
    for text in ("2", "150/95", "192/112", "help me please read this"):
        await do(network, "/sandbox/replies", {"from": WANG["phone"], "text": text}, "coordinator")
    await network.move_to("2025-05-08T02:00:00Z")
    await do(network, f"{of}/calls", {"outcome": "reached"})
    await do(network, f"{of}/calls", {"outcome": "refused"})
    for n, task in enumerate(await tasks(network, patient)):
        outcome = {"confirm_referral": "declined", "refill_held": "go_on"}.get(task["kind"], "done")
        if n == 0 and not task["urgent"]:
            await do(network, f"/tasks/{patient}/postpone", {"key": task["key"], "until": "2025-05-12", "reason": "no_time"})
        await do(network, f"/tasks/{patient}/complete", {"key": task["key"], "outcome": outcome}, "doctor")
    await network.move_to("2025-08-01T02:00:00Z")
    await do(network, f"{of}/visits", {"readings": EMERGENCY})
    await do(network, f"{of}/hospitalised")
    await network.move_to("2025-08-20T02:00:00Z")
    await do(network, f"{of}/discharged")
    await do(network, f"{of}/pause", {"until": "2025-09-20"})
    await network.move_to("2025-12-01T02:00:00Z")
    last = next(one for one in (await network.get(f"{of}/events")).json()["items"] if one["kind"] == "visit_completed")
    await do(network, f"{of}/events/{last['id']}/corrections", {"readings": {"sbp": 178}, "why": "slip_of_the_pen"})
    await network.move_to("2026-03-03T02:00:00Z")
    await do(network, f"{of}/moved-away")
    return patient


@pytest.fixture
async def lived(network: Network) -> tuple[Network, str]:
    return network, await a_year(network)


async def test_whoever_reads_a_year_of_somebody_is_told_of_every_line_what_it_came_of(lived: tuple[Network, str]) -> None:
    network, patient = lived
    english = await timeline(network, patient)
    assert len(english) > 100
    known = {type_name(kind) for kind in get_args(AnyEvent)}
    for language in LANGUAGES:
        for line in await timeline(network, patient, language):
            assert line["came_of"], line
            assert set(line["event"].split(", ")) <= known, line
            assert not re.search(r"[{}_]", line["came_of"]), line
            if language.startswith("zh"):
                assert re.search(r"[\u4e00-\u9fff]", line["came_of"]), line
    kinds = {line["event"] for line in english}
    assert {"enrolled", "visit_completed", "due_reached", "referral_moved", "dispensed", "answer_received", "call_made"} <= kinds
    assert {"task_closed", "task_postponed", "hospitalised", "discharged", "paused", "corrected", "moved_away"} <= kinds


async def test_a_page_of_lines_costs_one_statement_for_what_they_came_of_and_one_for_the_texts(lived: tuple[Network, str]) -> None:
    network, patient = lived
    for limit in (25, 200):
        asked: list[str] = []
        with heard(network.parts.database, asked):
            await network.get(f"/patients/{patient}/timeline", limit=limit)
        assert [sum(f"FROM {table}" in one for one in asked) for table in ("event", "message")] == [1, 1]
        assert not [one for one in asked if "FROM account" in one or "FROM task" in one]


async def test_a_line_names_the_task_the_text_the_medicine_and_who_told_it(lived: tuple[Network, str]) -> None:
    network, patient = lived
    lines = await timeline(network, patient)

    def of(code: str) -> list[dict[str, Any]]:
        return [line for line in lines if line["code"] == code]

    assert {line["text"] for line in of("dispensed")} >= {"Medicine handed out (amlodipine), lasts until 20 Apr 2025"}
    assert all(line["who"] == "pharmacy-1, Pharmacy-1" for line in of("dispensed") if line["event"] == "dispensed")
    accepted = of("referral_accepted")[0]
    assert accepted["came_of"] == "Word of the referral on 3 Mar 2025: accepted, by hospital-1, Hospital-1"
    assert of("called")[0]["came_of"] == "A call of 8 May 2025: reached, by manager"
    assert "(The patient refuses; talk with them): done" in " ".join(line["text"] for line in of("task_closed"))
    assert {line["who"] for line in of("task_closed")} == {"doctor"}
    checked = "A task was finished on 8 May 2025 (Check on the referral): done, by doctor"
    assert of("referral_closed")[0]["came_of"] == checked
    assert of("missed")[0]["came_of"].startswith("Its day had come: ")
    texts_sent = [line["text"] for line in of("message_sent")]
    assert all("“" in text for text in texts_sent), texts_sent
    assert of("answered")[0]["came_of"] == "The patient said on 16 Mar 2025: wants another day"


def test_whatever_can_happen_has_a_sentence_for_every_line_that_the_engine_can_write() -> None:
    """The codes of the engine, each with each kind of event: none of the pairs is left without its because."""
    for kind in (type_name(one) for one in get_args(AnyEvent)):
        for language in LANGUAGES:
            assert texts()["came_of"][kind][language], (kind, language)
    visit = Told(VisitCompleted(id="v", at=AT, learnt=AT), "visit_completed", "Nurse Li", "")
    for code in codes_of_the_engine():
        for told in ({}, {7: [visit]}):
            for language in LANGUAGES:
                assert came_of(Line(7, Reason(AT, code)), Behind(told), language).text, (code, language)


def test_what_was_due_before_somebody_came_is_not_said_to_be_their_doing() -> None:
    visit = Told(VisitCompleted(id="v", at=AT, learnt=AT), "visit_completed", "Nurse Li", "")
    known = Behind({7: [visit]}, timezone="Asia/Shanghai")

    def kind(code: str, at: datetime, step: int = 7) -> str:
        return came_of(Line(step, Reason(at, code)), known, "en").code

    assert kind("service_done", AT) == "visit_completed"
    assert kind("visit_booked", AT + timedelta(seconds=1)) == "visit_completed"  # a day that was looked for because of it
    assert kind("message_sent", AT - timedelta(days=1)) == "due_reached"  # nobody woke us in time
    assert kind("message_sent", AT + timedelta(hours=3)) == "due_reached"
    assert kind("missed", AT) == "due_reached"
    assert kind("service_done", AT, step=8) == "due_reached"


def test_what_was_told_late_or_put_right_answers_for_what_it_changed_of_the_days_before() -> None:
    late = Told(VisitCompleted(id="v", at=AT, learnt=AT + timedelta(days=9)), "visit_completed", "Nurse Li", "")
    right = Told(Corrected(id="c", at=AT + timedelta(days=9), learnt=AT + timedelta(days=9), corrects="v"), "corrected", "", "")
    known = Behind({7: [late], 8: [right]}, timezone="Asia/Shanghai")

    def kind(code: str, at: datetime, step: int) -> str:
        return came_of(Line(step, Reason(at, code)), known, "en").code

    assert kind("decided", AT, 7) == kind("next_due", AT + timedelta(days=9), 7) == "visit_completed"
    assert kind("message_sent", AT - timedelta(days=1), 7) == "due_reached"
    assert kind("decided", AT, 8) == kind("missed", AT + timedelta(days=3), 8) == "corrected"


def test_of_what_was_learnt_at_one_moment_everything_is_named_and_nothing_guessed() -> None:
    closed = TaskClosed(id="t", at=AT, learnt=AT, task="task/phone_call#1")
    lost = MessageFailed(id="m", at=AT, learnt=AT, key="k", reason="no_such_number")
    known = Behind({7: [Told(closed, "task_closed", "Nurse Li", ""), Told(lost, "message_failed", "", "")]})
    found = came_of(Line(7, Reason(AT, "task_closed")), known, "en")
    assert found.text == ("A task was finished on 8 May 2025: done, by Nurse Li; A text did not arrive, as was known on 8 May 2025")
    assert (found.code, found.who) == ("task_closed, message_failed", "Nurse Li")
    assert type_name(DueReached) == "due_reached"
