"""Half a year of a red-tag patient on the real server, through the public door only."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from spine.door import Door, the_door
from spine.people import pressure
from spine.stack import Happening, Stack, moment, standing

CHINA = ZoneInfo("Asia/Shanghai")
CODE = re.compile(r"\d{3} \d{3}(?=\.)")  # a pick-up code, of chance
PHONE, ON_CALL = "+8613912345678", "+8613800000001"
HER = {
    "identifier": "A-1",
    "name": "Wang Xiuying",
    "family": "Wang",
    "given": "Xiuying",
    "sex": "female",
    "born": "1960-05-01",
    "phone": PHONE,
    "language": "en",
    "timezone": "Asia/Shanghai",
    "conditions": ["hypertension"],
    "tag": "red",
    "last_visit": "2025-02-24",
    "readings": {"sbp": 150, "dbp": 95},
    "medicines": [{"name": "amlodipine", "last_fill": "2025-02-24", "days_supply": 30}],
    "care_team": "team-1",
}


class HalfAYear:
    """What people do, and what they look at while they do it."""

    def __init__(self, door: Door, patient: str) -> None:
        self.door, self.patient = door, patient
        self.seen: dict[str, Any] = {}

    def post(self, caller: str, path: str, body: Any = None) -> Happening:
        async def happening(_: Stack) -> None:
            await self.door.post(caller, path.format(patient=self.patient), body)

        return happening

    def finish(self, caller: str, kind: str, outcome: str = "done") -> Happening:
        return lambda _: self.door.finish(caller, self.patient, kind, outcome)

    def look(self, name: str) -> Happening:
        async def happening(_: Stack) -> None:
            self.seen[name] = await self.door.get("manager", f"/patients/{self.patient}")
            tasks = await self.door.get("manager", "/tasks", limit=200)
            self.seen[f"{name}: tasks"] = {task["kind"] for task in tasks["items"]}

        return happening

    def hospital(self, action: str, body: Any = None) -> Happening:
        async def happening(_: Stack) -> None:
            (referral,) = (await self.door.get("hospital", "/referrals"))["items"]
            await self.door.post("hospital", f"/referrals/{referral['id']}/{action}", body)

        return happening

    def pharmacy(self, caller: str, action: str, body: Any = None) -> Happening:
        async def happening(_: Stack) -> None:
            refills = (await self.door.get(caller, "/refills"))["items"]
            (refill,) = [refill for refill in refills if refill["stage"] in ("requested", "received", "ready")]
            self.seen.setdefault("refills", []).append((refill["asked"][:10], refill["runs_out"], refill["pharmacy"]))
            await self.door.post(caller, f"/refills/{refill['id']}/{action}", body)

        return happening

    def days(self) -> list[tuple[datetime, Happening]]:
        visit = "/patients/{patient}/visits"
        return [
            (moment("2025-03-07", "12:00"), self.post("gateway", "/sandbox/replies", {"from": PHONE, "text": "1"})),
            (moment("2025-03-07", "12:30"), self.look("she answered")),
            (moment("2025-03-10", "11:00"), self.post("manager", visit, {"readings": pressure(150, 95)})),
            (moment("2025-03-10", "11:30"), self.look("raised once")),
            (moment("2025-03-10", "12:00"), self.finish("doctor", "adjust_medicine")),
            (moment("2025-03-20", "10:45"), self.pharmacy("pharmacy-1", "receive")),
            (moment("2025-03-20", "15:00"), self.pharmacy("pharmacy-1", "ready")),
            (
                moment("2025-03-22", "15:00"),
                self.pharmacy("pharmacy-1", "dispense", {"days": 60, "without_code": "known_in_person"}),
            ),
            # The emergency.
            (moment("2025-03-24", "11:00"), self.post("manager", visit, {"readings": pressure(192, 112)})),
            (moment("2025-03-24", "11:10"), self.look("emergency")),
            (moment("2025-03-24", "11:30"), self.finish("doctor", "confirm_referral", "approved")),
            (moment("2025-03-24", "12:00"), self.hospital("receive")),
            (moment("2025-03-24", "12:30"), self.hospital("accept")),
            (moment("2025-03-24", "13:00"), self.hospital("book", {"day": "2025-03-25"})),
            (moment("2025-03-25", "15:00"), self.hospital("attended")),
            (moment("2025-03-27", "15:00"), self.hospital("complete", {"report": "Medicine changed; back to the centre."})),
            (moment("2025-04-04", "12:00"), self.look("check-back")),
            (moment("2025-04-04", "12:30"), self.finish("manager", "referral_check")),
            (moment("2025-04-07", "11:00"), self.post("manager", visit, {"readings": pressure(134, 82)})),
            (moment("2025-04-07", "12:00"), self.look("well again")),
            (moment("2025-04-28", "11:00"), self.post("manager", "/patients/{patient}/services", {"service": "annual_exam"})),
            (moment("2025-05-19", "11:00"), self.pharmacy("pharmacy-1", "out-of-stock")),
            (moment("2025-05-19", "13:00"), self.pharmacy("pharmacy-2", "ready")),
            (
                moment("2025-05-20", "13:00"),
                self.pharmacy("pharmacy-2", "dispense", {"days": 90, "without_code": "known_in_person"}),
            ),
            # She does not come on 4 July, and nobody finds her.
            (moment("2025-07-12", "12:00"), self.look("missed")),
            (moment("2025-07-13", "12:00"), self.post("manager", "/patients/{patient}/calls", {"outcome": "no_answer"})),
            (moment("2025-07-26", "12:00"), self.look("still missed")),
            (moment("2025-07-27", "12:00"), self.finish("manager", "home_visit", "not_found")),
            (moment("2025-08-09", "12:00"), self.look("lost")),
            (moment("2025-08-15", "12:00"), self.post("manager", "/patients/{patient}/calls", {"outcome": "reached"})),
            (moment("2025-08-15", "12:30"), self.look("found")),
            (moment("2025-08-24", "12:00"), self.post("manager", "/patients/{patient}/died")),
            (moment("2025-08-24", "12:30"), self.look("died")),
        ]


async def test_a_red_patient_is_kept_on_the_path_for_half_a_year(tmp_path: Path) -> None:
    async with AsyncExitStack() as running:
        stack = await running.enter_async_context(standing(tmp_path, start=moment("2025-03-03", "09:00")))
        for worker in stack.parts.workers(stack.client):
            await running.enter_async_context(worker)
        door = await running.enter_async_context(the_door(stack))
        patient = (await door.post("coordinator", "/patients", HER))["patient_id"]
        life = HalfAYear(door, patient)
        await stack.live(moment("2025-12-01"), life.days())
        seen = life.seen

        assert (await door.get("manager", f"/patients/{patient}"))["next_due"] is None
        assert await stack.failed_workflow_tasks(patient) == []
        texts = [(m.accepted_at.astimezone(CHINA), m.text) for m in await stack.sms(PHONE)]
        alerts = await stack.sms(ON_CALL)
        timeline = await stack.timeline(patient)

    # Every text on its day, in the morning where it is ours to choose; what answers somebody's doing follows it at once.
    told = [(at.date(), CODE.sub("N", text).split(": Xiuying, ")[1].split(" Reply STOP")[0]) for at, text in texts]
    assert told == [
        (date(2025, 3, 7), "your visit with us is on March 10. Reply 1 if you will come, 2 for another day."),
        (date(2025, 3, 10), "we expect you today. If you cannot come, please reply 2."),
        (date(2025, 3, 20), "your prescription is ready. You can collect it at Tongxin Pharmacy. Show this code there: N."),
        (date(2025, 3, 21), "your visit with us is on March 24. Reply 1 if you will come, 2 for another day."),
        (date(2025, 3, 24), "we expect you today. If you cannot come, please reply 2."),
        (date(2025, 3, 24), "we have asked District Hospital to see you and will tell you the day."),
        (date(2025, 3, 24), "please go now to District Hospital."),
        (date(2025, 3, 24), "District Hospital will see you on March 25. If you cannot go, reply 2."),
        (date(2025, 4, 4), "your visit with us is on April 7. Reply 1 if you will come, 2 for another day."),
        (date(2025, 4, 7), "we expect you today. If you cannot come, please reply 2."),
        (date(2025, 4, 25), "please come for your yearly check by May 2. To arrange a day, reply 2."),
        (date(2025, 5, 19), "your prescription is ready. You can collect it at Market Street Pharmacy. Show this code there: N."),
        (date(2025, 7, 1), "your visit with us is on July 4. Reply 1 if you will come, 2 for another day."),
        (date(2025, 7, 4), "we expect you today. If you cannot come, please reply 2."),
        (date(2025, 7, 7), "we missed you on July 4. Please reply 2 and we will find another day."),
        (date(2025, 8, 19), "your visit with us is on August 22. Reply 1 if you will come, 2 for another day."),  # found again
        (date(2025, 8, 22), "we expect you today. If you cannot come, please reply 2."),
    ]
    answers = ("prescription is ready", "have asked", "go now", "will see you")
    for at, text in texts:
        if any(words in text for words in answers):
            assert time(9) <= at.time() < time(20), text
        else:
            assert time(9) <= at.time() <= time(10, 30), text

    # An answer taken, a visit re-tags.
    assert seen["she answered"]["services"][0]["confirmed"] is True
    assert seen["she answered"]["tag"] == "red"
    assert seen["raised once"]["tag"] == "yellow"
    assert "adjust_medicine" in seen["raised once: tasks"]

    # The emergency reaches a clinician at once, and the hospital after the confirmation.
    assert [alert.accepted_at for alert in alerts] == [moment("2025-03-24", "11:00")]
    assert seen["emergency"]["tag"] == "red"
    assert "confirm_referral" in seen["emergency: tasks"]
    assert [referral["stage"] for referral in seen["emergency"]["referrals"]] == ["to_confirm"]
    codes = [reason.code for reason in timeline]
    stages = [code for code in codes if code.startswith("referral_")]
    assert stages == [
        "referral_requested",
        "referral_received",
        "referral_accepted",
        "referral_booked",
        "referral_attended",
        "referral_silent",  # an emergency's report is asked for after a day
        "referral_completed",
        "referral_checked",
        "referral_closed",
    ]
    assert "referral_check" in seen["check-back: tasks"]  # within two weeks, although the hospital has reported
    assert seen["well again"]["tag"] == "green"
    assert seen["well again"]["referrals"] == []

    # Asked for before supply ends; a pharmacy that has none is followed by the next.
    asked = seen["refills"]
    assert (asked[0][0], asked[0][1]) == ("2025-03-18", "2025-03-26")  # 19 March at seven in the morning is 18 March, UTC
    assert [pharmacy for *_, pharmacy in asked[3:]] != [asked[3][2]] * 3

    # Missed, called, visited, lost, found again, and never completed.
    assert "phone_call" in seen["missed: tasks"]
    assert "home_visit" in seen["still missed: tasks"]
    assert (seen["lost"]["reach"], seen["found"]["reach"]) == ("unreachable", "reachable")
    assert "search" in seen["lost: tasks"]
    assert "search" not in seen["found: tasks"]
    follow_ups = [service for service in seen["lost"]["services"] if service["service"] == "follow_up"]
    assert [service["due"] for service in follow_ups] == ["2025-07-06"]  # what is due stays due
    assert not [code for code in codes if "complete" in code and not code.startswith("referral_")]

    # Died: silence.
    assert seen["died"]["life"] == "died"
    assert seen["died: tasks"] == set()
    assert max(at.date() for at, _ in texts) == date(2025, 8, 22)  # three months were lived on
