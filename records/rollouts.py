"""Rollouts: which enrolled patients are moved to which version of their pathway, and how far that has come.

Rule 1: every patient that a rollout looked at has one row in it, with a status: nobody is left on a version silently.
Rule 2: the row, the patient's event and the rollout's place in the list are written in one transaction.
Rule 3: whether a patient has moved is read from their enrolment, which their own step wrote; it is never assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from pathways.engine.state import ENDED
from records.pages import Page, behind, cursor, moment_behind
from records.scope import NETWORK, Scope
from records.tables import Enrolment, EventRow, Moment, Patient, Rollout, RolloutPatient

GOING = ("running", "paused")
STAYS = "stays"  # why somebody is left about whom a person has decided
OPEN = ("asked", "waiting")  # of whom it is not known yet what became
PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a coordinator asks for. ``services``: old name to the new one, "" where it ends on purpose; ``tags`` likewise.

    ``policy``: new_only, safe_point, now. ``batch``: patients at a time; ``pause_s``: seconds between two batches;
    ``sms_per_day``: the most texts that a day's moves may cause, None for no limit.
    """

    pathway: str
    version: str
    policy: str
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    batch: int = 50
    pause_s: int = 60
    sms_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Patients of a rollout by fit, by status and by code (of those left); ``sms``: texts that its moves cause."""

    looked_at: int
    fits: Mapping[str, int]
    statuses: Mapping[str, int]
    codes: Mapping[str, int]
    sms: int


@dataclass(frozen=True)
class Rollouts:
    """Rollouts, in one transaction."""

    session: AsyncSession

    async def one(self, rollout: str, *, held: bool = False) -> Rollout | None:
        """The rollout; ``held`` against anybody else's change until the transaction ends."""
        return await self.session.get(Rollout, rollout, with_for_update=held or None, populate_existing=held)

    async def going(self, pathway: str) -> Rollout | None:
        """The one that moves patients of this pathway now, or is paused."""
        found = select(Rollout).where(Rollout.pathway == pathway, Rollout.status.in_(GOING)).order_by(Rollout.started.desc())
        return (await self.session.scalars(found.limit(1))).first()

    async def all_going(self) -> list[Rollout]:
        """Those that move patients now, or are paused; by pathway."""
        going = select(Rollout).where(Rollout.status.in_(GOING)).order_by(Rollout.pathway, Rollout.id)
        return list(await self.session.scalars(going))

    async def undoing(self, rollout: str) -> Rollout | None:
        """The latest one that takes ``rollout`` back."""
        found = select(Rollout).where(Rollout.undoes == rollout).order_by(Rollout.started.desc(), Rollout.id)
        return (await self.session.scalars(found.limit(1))).first()

    async def with_what_they_undo(self, ids: Collection[str]) -> list[tuple[Rollout, datetime | None]]:
        """These rollouts, each with when the one began that it takes back."""
        undone = aliased(Rollout)
        found = select(Rollout, undone.started).outerjoin(undone, undone.id == Rollout.undoes).where(Rollout.id.in_(sorted(ids)))
        return [(one, began) for one, began in await self.session.execute(found)]

    async def all_running(self) -> list[str]:
        """Ids of all that should have a workflow."""
        return list(await self.session.scalars(select(Rollout.id).where(Rollout.status == "running").order_by(Rollout.id)))

    async def unsettled(self) -> list[str]:
        """Ids of all that hold a patient of whom it is not known yet what became."""
        open_ = select(RolloutPatient.patient_id).where(RolloutPatient.rollout_id == Rollout.id, RolloutPatient.status.in_(OPEN))
        return list(await self.session.scalars(select(Rollout.id).where(open_.exists()).order_by(Rollout.id)))

    def start(self, wanted: Wanted, *, former: str, by: str, why: str, at: datetime, undoes: str | None = None) -> Rollout:
        """A new rollout; one that moves nobody is done at once."""
        over = wanted.policy == "new_only"
        rollout = Rollout(
            id=uuid4().hex,
            pathway=wanted.pathway,
            version=wanted.version,
            policy=wanted.policy,
            mapping={"services": dict(wanted.services), "tags": dict(wanted.tags)},
            batch=wanted.batch,
            pause_s=wanted.pause_s,
            sms_per_day=wanted.sms_per_day,
            undoes=undoes,
            former=former,
            status="done" if over else "running",
            held="",
            after="",
            by=by,
            why=why,
            started=at,
            ended=at if over else None,
            edit=1,
        )
        self.session.add(rollout)
        return rollout

    async def page(self, *, pathway: str | None, status: str | None, limit: int, after: str | None) -> Page[Rollout]:
        """Rollouts, the latest first. Raises BadCursor."""
        query = select(Rollout).order_by(Rollout.started.desc(), Rollout.id.desc()).limit(limit + 1)
        if pathway is not None:
            query = query.where(Rollout.pathway == pathway)
        if status is not None:
            query = query.where(Rollout.status == status)
        last = moment_behind(after)
        if last is not None:
            query = query.where(tuple_(Rollout.started, Rollout.id) < tuple_(literal(last[0], Moment()), literal(last[1])))
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].started.isoformat(), shown[-1].id) if len(found) > limit else None)

    # --- patients
    async def row(self, rollout: str, patient: str) -> RolloutPatient | None:
        """What this rollout wrote down of the patient."""
        return await self.session.get(RolloutPatient, (rollout, patient))

    async def next(self, rollout: Rollout, *, limit: int) -> list[str]:
        """Ids of the next patients to be looked at; from the beginning again behind the last, for whoever came meanwhile."""
        for after in dict.fromkeys((rollout.after, "")):
            query = self._ahead(rollout).where(self._key(rollout) > after).order_by(self._key(rollout)).limit(limit)
            found = list(await self.session.scalars(query))
            if found:
                return found
        return []

    async def ahead(self, rollout: Rollout, scope: Scope = NETWORK) -> int:
        """How many patients it has not looked at yet."""
        return await self._count(self._ahead(rollout), self._key(rollout), scope)

    async def on_other_versions(self, pathway: str, version: str, scope: Scope = NETWORK) -> int:
        """How many enrolments a rollout of ``version`` would look at."""
        return await self._count(_enrolled_elsewhere(pathway, version), Enrolment.patient_id, scope)

    async def sample(self, pathway: str, version: str, scope: Scope, *, limit: int) -> list[str]:
        """The first of them by id; ids are random, so it is a random sample."""
        query = _enrolled_elsewhere(pathway, version).order_by(Enrolment.patient_id).limit(limit)
        if not scope.whole_network:
            query = scope.of_teams(query.join(Patient, Patient.id == Enrolment.patient_id), Patient.care_team_id)
        return list(await self.session.scalars(query))

    async def patients(
        self, rollout: str, scope: Scope, *, status: str | None, undecided: bool = False, limit: int, after: str | None
    ) -> Page[RolloutPatient]:
        """Patients of a rollout whom the caller may see, by id; ``undecided``: none who was to stay. Raises BadCursor."""
        query = select(RolloutPatient).where(RolloutPatient.rollout_id == rollout).order_by(RolloutPatient.patient_id)
        if status is not None:
            query = query.where(RolloutPatient.status == status)
        if undecided:
            query = query.where(RolloutPatient.why != STAYS)
        query = scope.of_teams(query.join(Patient, Patient.id == RolloutPatient.patient_id), Patient.care_team_id)
        key = behind(after, 1)
        if key is not None:
            query = query.where(RolloutPatient.patient_id > key[0])
        found = list(await self.session.scalars(query.limit(limit + 1)))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].patient_id) if len(found) > limit else None)

    async def counts(self, rollout: str, scope: Scope = NETWORK) -> Counts:
        """How far it has come, over the patients whom the caller may see."""
        row = RolloutPatient
        query: Any = select(row.fit, row.status, row.why, func.count(), func.coalesce(func.sum(row.sms), 0))
        query = query.where(row.rollout_id == rollout).group_by(row.fit, row.status, row.why)
        if not scope.whole_network:
            query = scope.of_teams(query.join(Patient, Patient.id == row.patient_id), Patient.care_team_id)
        fits: dict[str, int] = {}
        statuses: dict[str, int] = {}
        codes: dict[str, int] = {}
        total, sms = 0, 0
        for fit, status, why, count, texts in await self.session.execute(query):
            fits[fit] = fits.get(fit, 0) + count
            statuses[status] = statuses.get(status, 0) + count
            for code in why.split(",") if why and status == "left" else ():
                codes[code] = codes.get(code, 0) + count
            total, sms = total + count, sms + (0 if status == "left" else int(texts))
        return Counts(total, fits, statuses, codes, sms)

    async def sms_since(self, rollout: str, since: datetime) -> int:
        """Texts caused by the moves from ``since`` on."""
        texts = select(func.coalesce(func.sum(RolloutPatient.sms), 0))
        texts = texts.where(RolloutPatient.rollout_id == rollout, RolloutPatient.at >= since, RolloutPatient.status != "left")
        return int(await self.session.scalar(texts) or 0)

    async def take_over(self, patient: str, pathway: str, *, by: str) -> None:
        """What earlier rollouts still wait for with this patient is this one's business from now on."""
        earlier = select(RolloutPatient).join(Rollout, Rollout.id == RolloutPatient.rollout_id)
        earlier = earlier.where(
            RolloutPatient.patient_id == patient,
            RolloutPatient.status.in_(OPEN),
            Rollout.pathway == pathway,
            RolloutPatient.rollout_id != by,
        )
        for row in await self.session.scalars(earlier):
            row.status = "moved_on"

    async def settle(self, rollout: Rollout) -> tuple[int, Sequence[tuple[str, int]]]:
        """See what became of those who were told to move; answers how many, and (patient, last step) of those not stepped yet."""
        known, untaken, after = 0, [], ""
        while page := await self._unsettled_page(rollout, after):
            for row, version, target, life, last_step, to_take in page:
                after = row.patient_id
                became = "asked" if to_take else _became(row, rollout, version, target, life)
                if to_take:
                    untaken.append((row.patient_id, last_step))
                if became != row.status:
                    row.status, known = became, known + 1
                    row.why = "not_moved" if became == "left" else row.why
        return known, untaken

    async def _unsettled_page(self, rollout: Rollout, after: str) -> Sequence[Any]:
        forward = aliased(RolloutPatient)
        target = forward.came_from if rollout.undoes else literal(rollout.version)
        to_take = _told(rollout.id, rollout.pathway).where(EventRow.step.is_(None)).exists()
        on = and_(Enrolment.patient_id == RolloutPatient.patient_id, Enrolment.pathway == rollout.pathway)
        query = (
            select(RolloutPatient, Enrolment.version, target.label("target"), Patient.life, Patient.last_step, to_take)
            .join(Patient, Patient.id == RolloutPatient.patient_id)
            .outerjoin(Enrolment, on)
        )
        if rollout.undoes:
            query = query.join(forward, and_(forward.rollout_id == rollout.undoes, forward.patient_id == RolloutPatient.patient_id))
        changed = or_(
            RolloutPatient.status == "asked",
            Enrolment.version.is_(None),
            Enrolment.version != RolloutPatient.came_from,
            Patient.life.in_(sorted(ENDED)),
        )
        query = query.where(RolloutPatient.rollout_id == rollout.id, RolloutPatient.status.in_(OPEN), changed)
        query = query.where(RolloutPatient.patient_id > after).order_by(RolloutPatient.patient_id).limit(PAGE)
        return (await self.session.execute(query)).all()

    # --- how they are found
    @staticmethod
    def _key(rollout: Rollout) -> Any:
        return RolloutPatient.patient_id if rollout.undoes else Enrolment.patient_id

    @staticmethod
    def _ahead(rollout: Rollout) -> Select[str]:
        seen = aliased(RolloutPatient)
        if rollout.undoes:
            forward = select(RolloutPatient.patient_id).where(
                RolloutPatient.rollout_id == rollout.undoes, RolloutPatient.status.in_(("moved", "moved_on", *OPEN))
            )
            mine = select(seen.patient_id).where(seen.rollout_id == rollout.id, seen.patient_id == RolloutPatient.patient_id)
            return forward.where(~mine.correlate(RolloutPatient).exists())
        mine = select(seen.patient_id).where(seen.rollout_id == rollout.id, seen.patient_id == Enrolment.patient_id)
        return _enrolled_elsewhere(rollout.pathway, rollout.version).where(~mine.correlate(Enrolment).exists())

    async def _count(self, found: Select[str], key: Any, scope: Scope) -> int:
        if not scope.whole_network:
            found = scope.of_teams(found.join(Patient, Patient.id == key), Patient.care_team_id)
        return await self.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def move_id(rollout: str, pathway: str, *, decided: bool = False) -> str:
    """The id of the event that moves a patient: the same however often the batch runs."""
    return f"rollout/{rollout}/{pathway}" + ("/decided" if decided else "")


def _told(rollout: str, pathway: str) -> Select[str]:
    ids = (move_id(rollout, pathway), move_id(rollout, pathway, decided=True))
    told = select(EventRow.event_id).where(EventRow.patient_id == RolloutPatient.patient_id, EventRow.event_id.in_(ids))
    return told.correlate(RolloutPatient)


def _enrolled_elsewhere(pathway: str, version: str) -> Select[str]:
    elsewhere: ColumnElement[bool] = Enrolment.version != version
    return select(Enrolment.patient_id).where(Enrolment.pathway == pathway, elsewhere)


def _became(row: RolloutPatient, rollout: Rollout, version: str | None, target: str, life: str) -> str:
    """What became of somebody whose step has been taken."""
    if version is None or life in ENDED:
        return "gone"
    if version == target:
        return "moved"
    if version != row.came_from:
        return "moved_on"
    return "waiting" if rollout.policy == "safe_point" else "left"
