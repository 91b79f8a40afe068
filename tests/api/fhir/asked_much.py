"""Much that is asked of places and care teams, for searches, and how a search is asked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from api.fhir.transitions import REFILL
from records import referrals
from records.feed import Feed
from records.patients import Patients
from records.tables import ReferralRow, RefillRow, TaskRow
from tests.api.conftest import START, WANG, Network

STAGES = (*sorted(referrals.OPEN - {"more_asked"}), *sorted(referrals.CLOSED))
SUPPLIES = tuple(REFILL)
Json = dict[str, Any]


async def asks_much(network: Network) -> None:
    """Two patients of two teams, asked for at every stage, many at the same moment."""
    patients = []
    for n, team in enumerate(("team-1", "team-2")):
        wang = {**WANG, "identifier": f"S-{n}", "phone": f"+86138000007{n:02d}", "born": f"196{n}-05-01", "care_team": team}
        answer = await network.post("/patients", wang, "coordinator")
        patients.append(answer.json()["patient_id"])
    async with network.parts.database.begin() as session:
        people = Patients(session, network.parts.vault)
        for n in range(30):
            whom = patients[n % 2]
            person = await people.vault_of(whom)
            asked = START + timedelta(minutes=n // 4)
            key, stage = f"hypertension.follow_up#{n}/referral", STAGES[n % len(STAGES)] if n < 26 else "more_asked"
            told = {"pathway": "hypertension", "row": "HTN-R3", "inputs": {"sbp": 182.0, "danger_signs": ["vomiting"]}}
            goes_on = ("received", "accepted", "attended", "booked")[n % 4] if stage == "more_asked" else ""
            row = ReferralRow(
                patient_id=whom, key=key, id=f"r{n:02d}", referral=f"hypertension.follow_up#{n // 2}",
                place_id="hospital-1" if n % 5 else "hospital-2", urgency=("routine", "urgent", "emergency")[n % 3], stage=stage,
                goes_on=goes_on, asked=asked, since=asked, changed=asked + timedelta(hours=n % 7),
                day=date(2025, 3, 10) + timedelta(days=n % 3) if stage in ("booked", "attended") else None,
                sealed=person.seal(f"referral/{key}", told | ({"goes_on": goes_on} if goes_on else {})),
            )  # fmt: skip
            await Feed(session).came(row, person)
        for n in range(12):
            whom, key = patients[n % 2], f"amlodipine#{n}/refill"
            person = await people.vault_of(whom)
            supply = RefillRow(
                patient_id=whom, key=key, id=f"s{n:02d}", refill=f"amlodipine#{n}", pharmacy_id=f"pharmacy-{1 + n % 2}",
                stage=SUPPLIES[n % len(SUPPLIES)], asked=START + timedelta(minutes=n // 3), changed=START + timedelta(hours=n % 5),
                runs_out=date(2025, 3, 20), sealed=person.seal(f"refill/{key}", {"medicine": "amlodipine"}),
            )  # fmt: skip
            await Feed(session).came(supply, person)
        for n in range(16):
            by, kind = ("health_manager", "doctor")[n // 8], ("phone_call", "home_visit", "review")[n % 3]
            status, claimed = (("open", None), ("open", "key-manager"), ("done", None), ("not_needed", None))[n % 4]
            session.add(
                TaskRow(
                    patient_id=patients[n % 2], key=f"task/{n}", care_team_id=f"team-{1 + n % 2}", by=by, kind=kind,
                    pathway="hypertension", service="follow_up", urgent=n % 5 == 0,
                    due=date(2025, 3, 5), status=status, outcome="reached" if status == "done" else "", claimed_by=claimed,
                    opened=START + timedelta(minutes=n // 3), changed=START + timedelta(hours=n % 3),
                )
            )  # fmt: skip


async def ask(place: Network, path: str, key: str = "coordinator", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await place.http.get(
        path if path.startswith("http") else f"/fhir/{path}", headers={"Authorization": f"Bearer {key}", **sent}
    )


async def every(place: Network, path: str, key: str = "coordinator") -> list[Json]:
    """All matches, page by page."""
    found: list[Json] = []
    url: str | None = path
    while url is not None:
        answer = await ask(place, url, key)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found += [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        assert len(found) < 500
    return found
