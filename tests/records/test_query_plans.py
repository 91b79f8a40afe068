"""No query costs more because the city grows: every read route's and every periodic query is explained over a filled database.

On PostgreSQL each statement is run with EXPLAIN ANALYZE, and what every scan of a growing table really read is held against what
the caller's page, team or centre explains. SQLite does not count; there a scan without an index is refused, and so is one by an
index that nothing ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from query_plans import GROWING, Asked, Listener, alike, short, too_much
from sqlalchemy import event, insert

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are not part of what is installed

from activities.causes import Causes
from activities.channels.registry import Channels
from activities.closures import ClosedDays
from activities.deadman import DeadMan
from activities.doubts import Doubts
from activities.events import Events
from activities.housekeeping import Housekeeping
from activities.integrity import Integrity
from activities.looking_ahead import LookingAhead
from activities.messages import MessageActivities
from activities.prices import Prices
from activities.recovery import Recovery
from activities.seeing import Seeing
from activities.seeing.counting import count_waiting
from activities.waking import NotWoken, Waker
from bench.citizens import COMMON, RARE, City, Rows, phone_of
from bench.filling import MASTER, Size, begin, copy_in, postgres_at, set_up, write_in
from bench.served import NoChannel, app_over
from pathways.language import library
from records.audit import AuditLog
from records.clock import Clock
from records.closures import Closures
from records.database import Database
from records.figures import TeamFigures
from records.tables import (
    Account,
    AdviceService,
    AuditRow,
    AuditSubject,
    ForecastRow,
    Idempotency,
    MessageHold,
    PathwayDraft,
    Rollout,
    SmartClient,
    Webhook,
)
from records.usage import UsageCounts
from records.vault import Vault
from records.webhooks import Webhooks

SIZE = Size(patients=4000, tasks=20_000, per_team=100)
TEAMS, OF_A_CENTRE = len(SIZE.teams), 1 / len(SIZE.centres)
SHOWN = 10  # rows of a page
#: Rows of a growing table that such a page explains: each is shown with a few rows of its own, and of two conditions that no one
#: index knows together (a name and a tag), one is walked and the other looked at.
PAGE = 1500
#: Who asks, and how much of the city is theirs.
CALLERS: Mapping[str, float] = {
    "manager-of-team-1": 1 / TEAMS,
    "centre": OF_A_CENTRE,
    "coordinator": 0,  # everybody is theirs, so that only the page explains what is read
    "clinic": 1 / 20,
    "pharmacy": 1 / 50,
    "supervisor": 0,
    "auditor": 0,
    "administrator": 0,
}

#: How a list is asked besides plainly; by the route's path.
ASKED: Mapping[str, Sequence[Mapping[str, str]]] = {
    "/patients": (
        {"search": COMMON},
        {"search": RARE},
        {"search": f"{COMMON} 秀"},
        {"search": phone_of(7)},
        {"tag": "red"},
        {"life": "active"},
        {"tag": "red", "life": "active", "search": COMMON},
    ),
    "/overview/people": tuple(
        {"of": of} | ({"team": team} if team else {})
        for of in (
            "tag:red",
            "life:active",
            "reach:unreachable",
            "seen:long_ago",
            "ahead:0",
            "task:home_visit",
            "overdue:tasks",
            "referral:requested",
            "refill:requested",
            "texts:failed",
            "texts:late",
            "done:visit_completed",
            "asked:open",
            "load:visit.0-3",
            "late:steps",
        )
        for team in ("", "team-1")
    ),
    "/tasks": (
        {"kind": "home_visit"},
        {"kind": "confirm_referral"},
        {"by": "doctor"},
        {"status": "any"},
        {"status": "any", "kind": "confirm_referral"},
        {"status": "done"},
        {"claimed": "me"},
        {"claimed": "nobody"},
        {"overdue": "true"},
        {"team": "team-1"},
    ),
    "/worklist": ({"team": "team-1"},),
    "/messages/usage": ({"by": "day"}, {"team": "team-1"}),
    "/referrals": ({"stage": "requested"}, {"stage": "completed"}, {"urgency": "urgent"}, {"open": "true"}, {"open": "false"}),
    "/refills": ({"stage": "requested"}, {"stage": "dispensed"}, {"open": "true"}, {"open": "false"}),
}

#: What record systems ask at the FHIR door; with ``_count``, and the page behind it. Counting ends at 10,000 by itself.
FHIR: Sequence[tuple[str, Mapping[str, str]]] = (
    ("Patient", {}),
    ("Patient", {"name": COMMON}),
    ("Patient", {"family": RARE, "birthdate": "1950"}),
    ("Patient", {"phone": phone_of(7)}),
    ("Patient", {"identifier": "urn:cairn:roster|7"}),
    ("Patient", {"general-practitioner": "Organization/team-1", "_lastUpdated": "gt2025-01-01"}),
    ("Patient", {"active": "true"}),
    ("Patient", {"active": "false", "organization": "Organization/centre-1"}),
    ("Patient", {"deceased": "true"}),
    ("Patient/{patient_id}", {}),
    ("Observation", {"patient": "{patient_id}"}),
    ("Observation", {"subject:Patient.family": RARE}),
    ("Task", {"patient.identifier": "urn:cairn:roster|7"}),
    ("Communication", {"patient": "{patient_id}"}),
    ("MedicationDispense", {"patient": "{patient_id}"}),
    ("Provenance", {"patient": "{patient_id}"}),
    ("Provenance", {"target": "Task/{referral_id}"}),
    ("CarePlan", {"patient": "{patient_id}"}),
    ("MedicationRequest", {}),
    ("MedicationRequest", {"status": "active"}),
    ("MedicationRequest", {"status": "completed", "_sort": "-_lastUpdated"}),
    ("MedicationRequest", {"_lastUpdated": "gt2025-01-01"}),
    ("MedicationRequest", {"patient": "{patient_id}"}),
    ("Task", {}),
    ("Task", {"_sort": "-_lastUpdated"}),
    ("Task", {"_lastUpdated": "gt2025-01-01", "_sort": "_lastUpdated"}),
    ("Task", {"status": "requested"}),
    ("Task", {"status": "requested,received,accepted", "_sort": "-authored-on"}),
    ("Task", {"status": "completed", "code": "fulfill"}),
    ("Task", {"status": "in-progress"}),
    ("Task", {"status:not": "completed"}),
    ("Task", {"business-status": "booked"}),
    ("Task", {"code": "confirm_referral"}),
    ("Task", {"code": "confirm_referral", "status": "requested"}),
    ("Task", {"owner": "Organization/hospital-1"}),
    ("Task", {"owner": "Organization/team-1"}),
    ("Task", {"patient": "{patient_id}"}),
    ("Task", {"focus": "ServiceRequest/{referral_id}"}),
    ("Task", {"_include": "Task:focus"}),
    ("Task/{referral_id}", {}),
    ("Task/{referral_id}/_history", {}),
    ("ServiceRequest", {"status": "active"}),
    ("ServiceRequest", {"status": "completed", "_sort": "-_lastUpdated", "_revinclude": "Task:focus"}),
    ("Organization", {"name": "centre"}),
    ("Practitioner", {}),
    ("PlanDefinition", {}),
)

#: Pages of the console, and how they are asked.
PAGES: Sequence[tuple[str, Mapping[str, str]]] = (
    *(
        ("/inbox", {"heap": heap})
        for heap in ("new", "asked", "booked", "here", "done", "ready", "questions", "substitutes", "open")
    ),
    ("/inbox/referrals/{referral_id}", {}),
    ("/inbox/refills/{refill_id}", {}),
    ("/inbox/stock", {}),
    ("/inbox/closures", {}),
    ("/me", {}),
    ("/admin", {}),
    ("/admin/places", {}),
    ("/admin/people", {"find": "a"}),
    ("/admin/keys", {}),
    ("/admin/connections", {}),
    ("/admin/channels", {}),
    ("/admin/closures", {}),
    ("/admin/holidays", {"calendar": "CN"}),
    ("/admin/limits", {}),
    ("/admin/audit", {}),
    *(("/admin/audit", {name: value}) for name, value in (("patient", RARE), ("who", "centre"), ("action", "patients.change"))),
    *(("/inbox/find", {"for": sought}) for sought in (COMMON, RARE, f"{COMMON} 秀", "1a2b3c4d")),
    ("/pathways", {}),
    ("/pathways/{name}", {}),
    ("/pathways/{name}", {"show": "history"}),
    ("/pathways/new", {}),
    ("/pathways/{name}/drafts/{draft_id}", {}),
    ("/pathways/{name}/compare", {}),
    *((f"/pathways/{{name}}/drafts/{{draft_id}}/{part}", {}) for part in ("forecast", "publish")),
    *((f"/pathways/{{name}}/{part}", {}) for part in ("forecasts", "rollouts", "take-back", "rollouts/new")),
    *((f"/pathways/{{name}}/forecasts/{{forecast_id}}{part}", {}) for part in ("", "/people")),
    *((f"/pathways/{{name}}/rollouts/{{rollout_id}}{part}", {}) for part in ("", "/people", "/back")),
    ("/patients", {}),
    ("/patients", {"search": "A-1"}),
    *(("/patients", {name: value}) for name, value in (("life", "died"), ("reach", "unreachable"), ("pathway", "hypertension"))),
    *(
        (f"/patients/{{patient_id}}{part}", {})
        for part in ("", "/tags", "/readings", "/medicines", "/referrals", "/messages", "/timeline", "/why", "/summary")
    ),
    *(
        (f"/patients/{{patient_id}}/{form}", {})
        for form in ("life/pause", "team", "number", "consent", "corrections", "conditions")
    ),
    ("/patients/new", {}),
    ("/patients/roster", {}),
    ("/overview", {}),
    ("/overview/people", {"of": "follow_up:lost"}),
    *((f"/admin/{part}", {}) for part in ("stock", "closures", "connections", "connections/pushes/new")),
    *(("/today", {"show": show}) for show in ("mine", "team", "answers")),
    *(("/today", {"show": "team", "only": only}) for only in ("later", "visits")),
    ("/today/rows", {"show": "team", "group": "later"}),
    ("/today/done", {}),
    ("/patients/{patient_id}/visit", {}),
    ("/patients/{patient_id}/call", {}),
)

#: What these show is not in our tables.
OUTSIDE = frozenset({"/sandbox/messages"})

#: Who may read more, and why.
EXCUSED: Mapping[str, str] = {
    "figures": "counts every care team, once in five minutes and in a process of its own, so that no page counts",
    **{
        f"GET /api/v1/rollouts/rollout {{}} as {who}": "counts a pathway's enrolments by version, by an index alone, for one page"
        for who in ("coordinator", "supervisor")
    },
    **{
        f"GET /pathways/hypertension/{page} {{}} as {who}": "the same count, where housekeeping has counted few yet"
        for page in ("drafts/draft/publish", "take-back", "rollouts/new", "rollouts/rollout", "rollouts/rollout/back")
        for who in CALLERS
    },
    "audit on sqlite": "once an hour; SQLite prefers the log's key, in the order of its groups, and a laptop's log is short",
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Everybody of a small city."""
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('models')}/cairn.db")

    async def models() -> City:
        try:
            return await begin(database, SIZE, today=datetime.now(UTC).date())
        finally:
            await database.close()

    city = asyncio.run(models())
    return replace(city, open_share=0.1, per_referral=1, per_refill=1, per_messages=2).people(0, SIZE.patients, SIZE.patients)


@pytest.fixture
async def city(database: Database, people: Rows) -> Database:
    """A filled database; PostgreSQL's statistics are made, SQLite has none, as with a user of it."""
    await set_up(database, SIZE)
    url = database.engine.url.render_as_string(hide_password=False)
    await _audited(database, [row[0] for row in people["patient"]])
    await _changed(database)
    if database.is_sqlite:
        assert database.engine.url.database is not None
        write_in(database.engine.url.database, people)
    else:
        await copy_in(url, people)
        async with postgres_at(url) as postgres:
            await postgres.execute("VACUUM (ANALYZE)")
    return database


async def _audited(database: Database, patients: Sequence[str]) -> None:
    now = datetime.now(UTC)
    entry: dict[str, object] = {
        "chain": "a",
        "who": "key-centre",
        "role": "health_manager",
        "place": "centre-1",
        "action": "patients.read",
    }
    entry |= {"record": "", "status": 200, "request": "r", "previous": "p", "hash": "h"}
    rows = [{**entry, "seq": n, "at": now - timedelta(minutes=n), "patients": [p]} for n, p in enumerate(patients, 1)]
    used = [
        {"caller": "key-centre", "key": str(n), "fingerprint": "f", "event_id": "", "at": row["at"]} for n, row in enumerate(rows)
    ]
    async with database.begin() as session:
        await session.execute(insert(AuditRow), rows)
        subjects = [{"patient_id": p, "chain": "a", "seq": n} for n, p in enumerate(patients, 1)]
        await session.execute(insert(AuditSubject), subjects)
        await session.execute(insert(Idempotency), used)
        session.add(
            Account(id="account", login="somebody", name="", password_hash="x", role="supervisor", place="network", created=now)
        )


async def _changed(database: Database) -> None:
    """A draft, a rollout of it that has only begun, and a forecast."""
    now = datetime.now(UTC)
    of = {"pathway": "hypertension", "version": "f" * 16}
    text = library()["hypertension"]
    assert text.document is not None
    draft = PathwayDraft(id="draft", text=text.document.text, status="draft", author="somebody", created=now, changed=now, **of)
    rollout = Rollout(
        id="rollout", policy="now", mapping={}, batch=10, pause_s=0, status="stopped", by="somebody", started=now, **of
    )
    asked = ForecastRow(id="forecast", text="", asked={}, by="key-coordinator", at=now, status="failed", problem="none", **of)
    tomorrow = now.date() + timedelta(days=1)
    hold = MessageHold(id="h", organisation_id="network", medicine="amlodipine", first=tomorrow, last=tomorrow, action="hold")
    async with database.begin() as session:
        session.add_all([draft, rollout, asked, hold])
        session.add(
            AdviceService(id="advice", network_id="network", name="risk", url="https://risk.example", timeout_ms=100, enabled=True)
        )
        session.add(
            Webhook(
                id="hook", place_id="hospital-1", kind="webhook", url="https://hospital.example", wanted=[], body={},
                status="active", by="somebody", created=now, sealed=b"",
            )
        )  # fmt: skip
        session.add(SmartClient(id="smart", name="s", role="clinic", place="hospital-1", scopes=[], created=now))
        await Closures(session).add(SIZE.centres[0], tomorrow, tomorrow, "")


async def test_no_read_route_and_no_periodic_query_costs_more_because_the_city_grows(city: Database, people: Rows) -> None:
    listener = Listener()
    event.listen(city.engine.sync_engine, "before_cursor_execute", listener)
    unanswered = await _ask_all(city, people, listener)
    await _keep_house(city, listener)
    event.remove(city.engine.sync_engine, "before_cursor_execute", listener)

    careless = Asked("nobody", "SELECT patient_id FROM task WHERE outcome = 'unheard of'", (), 0)
    assert await too_much(city, careless, _most(careless, people)), "a query that reads every task was not noticed"
    refused = []
    judged: dict[tuple[object, ...], list[str]] = {}
    for asked in listener.heard.values():
        if asked.where in EXCUSED or f"{asked.where} on {city.engine.dialect.name}" in EXCUSED:
            continue
        same = alike(asked, sqlite=city.is_sqlite)
        if same not in judged:
            judged[same] = await too_much(city, asked, _most(asked, people))
        refused += [f"{asked.where}: {why}\n    {short(asked.statement)}" for why in judged[same]]
    assert not refused, f"{len(refused)} queries grow with a table:\n" + "\n".join(refused)
    assert not unanswered, "routes that showed nobody anything: " + ", ".join(unanswered)


async def _ask_all(city: Database, people: Rows, listener: Listener) -> list[str]:
    """Every GET route, by every caller, plainly and as ``ASKED``; answers those that nobody was shown anything by."""
    app = app_over(city)
    known = _known(people)
    unanswered = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cairn.test") as http:
        for path, described in app.openapi()["paths"].items():
            get = described.get("get")
            short = path.removeprefix("/api/v1")
            if get is None or short == path or _streams(get) or short in OUTSIDE:
                continue
            refused: set[str] = set()  # who may not ask this sends no query but the one that says so
            for query in ({}, *ASKED.get(short, ())):
                asked = {**_needed(get, known), **query}
                statuses = await _ask_as_each(http, listener, path.format_map(known), asked, refused)
                if 200 not in statuses:
                    unanswered.append(f"{path} {dict(query)} {sorted(set(statuses))}")
        for path, query in PAGES:
            if 200 not in await _ask_as_each(http, listener, path.format_map(known), query, set()):
                unanswered.append(f"{path} {dict(query)}")
        refused_of: dict[str, set[str]] = defaultdict(set)
        for path, query in FHIR:
            asked = {name: value.format_map(known) for name, value in query.items()}
            counted = asked if "/" in path else {**asked, "_count": str(SHOWN), "_total": "none"}
            of_type = refused_of[path.partition("/")[0]]
            statuses = await _ask_as_each(http, listener, f"/fhir/{path.format_map(known)}", counted, of_type)
            if 200 not in statuses:
                unanswered.append(f"{path} {asked} {sorted(set(statuses))}")
    return unanswered


async def _ask_as_each(
    http: httpx.AsyncClient, listener: Listener, path: str, query: Mapping[str, str], refused: set[str]
) -> list[int]:
    """What each caller was answered. ``refused``: who may not ask; they are not asked for again."""
    statuses = {
        caller: await _ask(http, listener, path, query, caller, share) for caller, share in CALLERS.items() if caller not in refused
    }
    refused |= {caller for caller, status in statuses.items() if status == 403}
    return list(statuses.values())


async def _ask(http: httpx.AsyncClient, listener: Listener, path: str, query: Mapping[str, str], caller: str, share: float) -> int:
    with listener.while_asking(f"GET {path} {dict(query)} as {caller}", share):
        shown = {"Authorization": f"Bearer {caller}", "Cookie": f"cairn_key={caller}"}
        answer = await http.get(path, params=dict(query), headers=shown)
    if answer.status_code == 200 and (link := _next_link(answer)):
        with listener.while_asking(f"GET {path} {dict(query)}, the next page, as {caller}", share):
            answer = await http.get(link, headers={"Authorization": f"Bearer {caller}"})
    elif answer.status_code == 200 and (after := _next(answer)):
        with listener.while_asking(f"GET {path} {dict(query)}, the next page, as {caller}", share):
            answer = await http.get(path, params={**query, "after": after}, headers={"Authorization": f"Bearer {caller}"})
    return answer.status_code


def _next(answer: httpx.Response) -> str | None:
    body = answer.json() if answer.headers["content-type"].startswith("application/json") else None
    return cast(str | None, body.get("next")) if isinstance(body, dict) else None


def _next_link(answer: httpx.Response) -> str | None:
    """Of a Bundle."""
    body = answer.json() if answer.headers["content-type"].startswith("application/fhir+json") else {}
    return next((str(link["url"]) for link in body.get("link", ()) if link["relation"] == "next"), None)


def _streams(get: Mapping[str, Any]) -> bool:
    return "text/event-stream" in get["responses"].get("200", {}).get("content", {})


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        raise AssertionError(f"a route has a new path parameter {name!r}: say in _known what it may be")


def _known(people: Rows) -> _Known:
    patient = next(row[0] for row in people["patient"] if row[1] == "team-1")
    return _Known(
        patient_id=patient,
        referral_id=patient,
        refill_id=patient,
        name="hypertension",
        version=people["enrolment"][0][2],
        key=next(row[1] for row in people["task"] if row[0] == patient),
        team="team-1",
        team_id="team-1",
        place="centre-1",
        place_id="centre-1",
        calendar="CN",
        year="2026",
        day="2026-10-01",
        closure_id="c",
        hold_id="h",
        webhook_id="hook",
        advice_id="advice",
        smart_client_id="smart",
        key_id="key-centre",
        account_id="account",
        pharmacy_id="pharmacy-1",
        medicine="amlodipine",
        draft_id="draft",
        rollout_id="rollout",
        forecast_id="forecast",
        event_id="enrolled",
        message="ask_again",
        of="follow_up:lost",
    )


def _needed(get: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    asked = [parameter for parameter in get.get("parameters", ()) if parameter["in"] == "query"]
    needed = {parameter["name"]: known[parameter["name"]] for parameter in asked if parameter.get("required")}
    return needed | ({"limit": str(SHOWN)} if any(parameter["name"] == "limit" for parameter in asked) else {})


class _Nobody:
    """Temporal is away."""

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        raise NotWoken("away")

    async def start(self, patient: str, *, next_step: int = 1) -> bool:
        raise NotWoken("away")


async def _keep_house(city: Database, listener: Listener) -> None:
    clock, vault, nobody = Clock(), Vault(MASTER), cast(Waker, _Nobody())
    app = app_over(city)
    parts = app.state.parts
    messages = MessageActivities(city, vault, parts.plans, clock, Channels.of(cast(Any, NoChannel())))
    doubts = Doubts(city, clock, messages, nobody)
    log = AuditLog.of(city, vault)
    house = Housekeeping(city, clock, nobody)

    async def figures() -> None:
        async with city.reading() as session:
            await TeamFigures(session, datetime.now(UTC)).make()

    async def pushed() -> None:
        async with city.reading() as session:
            webhooks = Webhooks(session)
            await webhooks.with_work(datetime.now(UTC))
            await webhooks.due(await session.get_one(Webhook, "hook"), datetime.now(UTC), limit=200)

    async def usage() -> None:
        await Prices(city, clock, messages).ask()
        async with city.begin() as session:
            today = datetime.now(UTC).date()
            await UsageCounts(session).count([today - timedelta(days=ago) for ago in range(2)])

    async def dead_man() -> None:
        switch = DeadMan(city, clock)
        await switch.count()
        await switch.look(thoroughly=True)

    async def causes() -> None:
        async with city.reading() as session:
            why = Causes(session, datetime.now(UTC))
            assert [await why.of_deliveries("twilio"), await why.of_steps(), await why.of_plans(), await why.of_answers()]

    jobs: dict[str, Callable[[], Awaitable[object]]] = {
        "wake": partial(house.wake_due, late_by=timedelta(seconds=30)),
        "settled": house.pulse,
        "count": partial(count_waiting, city, clock, Seeing().metrics),
        "doubts": doubts.settle,
        "push": pushed,
        "closures": ClosedDays(Events(city, vault, clock)).tell,
        "start": doubts.start_missing,
        "figures": figures,
        "ahead": partial(LookingAhead(city, vault, parts.plans, clock).catch_up, SHOWN),
        "messages": dead_man,
        "usage": usage,
        "causes": causes,
        "integrity": Integrity(city, clock, None, sample=SHOWN).look,
        "audit": log.witness,
        "recover": Recovery(city, nobody, page=200).start_all,
    }
    await log.witness()  # the first looks at everything that there is
    for name, run in jobs.items():
        with listener.while_asking(name, 0), contextlib.suppress(NotWoken, RuntimeError):
            await run()


def _most(asked: Asked, people: Rows) -> dict[str, float]:
    """How many rows of each growing table the page and the caller's share of the city explain."""
    return {table: PAGE + asked.share * len(people.get(table, ())) for table in GROWING}
