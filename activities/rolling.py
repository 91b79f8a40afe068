"""What people do with rollouts: start, pause, resume, stop, take back, and decide about one patient.

Rule 1: each is one transaction, with the deed that says who, when and why; the workflow is told afterwards, and looks for itself.
Rule 2: one rollout of a pathway at a time; taking one back stops it first.
Rule 3: rolling a version out makes it current for new enrolments; taking it back makes the former one current again, unless
        somebody has made yet another one current since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.moves import Move, Moves, move_of
from activities.plans import Plans
from activities.rollout_patients import tell
from pathways.engine.plan import Pathway
from records.deeds import Deeds
from records.pathways import PublishedPathways, Retired
from records.patients import Held
from records.rollouts import STAYS, Rollouts, Wanted
from records.tables import Enrolment, PathwayDeed, PathwayVersion, Rollout, RolloutPatient

BECAME_CURRENT = ("published", "made_current")


class CannotRoll(RuntimeError):
    """The way things stand does not allow it; the message says why, and what would."""


class BadMapping(ValueError):
    """``faults``: (field, reason, remedy) for each name that is not there."""

    def __init__(self, faults: Sequence[tuple[str, str, str]]) -> None:
        super().__init__("; ".join(f"{field} {reason}" for field, reason, _ in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Rolling:
    """Rollouts in one transaction, for ``by``."""

    session: AsyncSession
    plans: Plans
    by: str
    at: datetime

    async def start(self, wanted: Wanted, *, why: str) -> Rollout:
        """Begin. Raises LookupError, Retired, CannotRoll, BadMapping, UnknownVersion."""
        published, rollouts = PublishedPathways(self.session), Rollouts(self.session)
        await published.take_turns(wanted.pathway)
        version = await published.one(wanted.pathway, wanted.version)
        if version is None:
            raise LookupError("there is no such version")
        if version.retired is not None:
            raise Retired("this version was retired, nobody is put on it any more; choose another one")
        _free(await rollouts.going(wanted.pathway))
        await self.check_mapping(wanted)
        current = await published.current(wanted.pathway)
        is_current = current is not None and current.version == wanted.version
        former = await self._current_before(version) if is_current or current is None else current.version
        rollout = rollouts.start(wanted, former=former, by=self.by, why=why, at=self.at)
        if not is_current:
            await published.make_current(wanted.pathway, wanted.version, by=self.by, at=self.at, why=why, about=rollout.id)
        self._deed(rollout, "rollout_started", why)
        return rollout

    async def check_mapping(self, wanted: Wanted) -> None:
        """Raises BadMapping where a name is neither in a version that patients are on nor in the new one."""
        if not wanted.services and not wanted.tags:
            return
        on = select(Enrolment.version).where(Enrolment.pathway == wanted.pathway).distinct()
        olds = [await self._compiled(wanted.pathway, version) for version in await self.session.scalars(on)]
        new = await self._compiled(wanted.pathway, wanted.version)
        faults = _unknown("services", wanted.services, olds, new, lambda pathway: tuple(pathway.services))
        faults += _unknown("tags", wanted.tags, olds, new, lambda pathway: pathway.tags)
        if faults:
            raise BadMapping(faults)

    async def pause(self, rollout: Rollout, *, why: str) -> None:
        """Nobody more is told to move, until it is resumed. Raises CannotRoll."""
        self._stands(rollout, "running", to="paused")
        self._becomes(rollout, "paused")
        self._deed(rollout, "rollout_paused", why)

    async def resume(self, rollout: Rollout, *, why: str) -> None:
        """On from where it was. Raises CannotRoll."""
        self._stands(rollout, "paused", to="resumed")
        self._becomes(rollout, "running")
        self._deed(rollout, "rollout_resumed", why)

    async def stop(self, rollout: Rollout, *, why: str) -> None:
        """For good: who has moved stays where they are, who was told to move still does. Raises CannotRoll."""
        self._stands(rollout, "running", "paused", to="stopped")
        self._becomes(rollout, "stopped")
        self._deed(rollout, "rollout_stopped", why)

    async def back(self, rollout_id: str, *, why: str, batch: int, pause_s: int, sms_per_day: int | None) -> Rollout:
        """Take a rollout back: stop it where it goes on, and begin the one that undoes it. Raises LookupError, CannotRoll."""
        published, rollouts = PublishedPathways(self.session), Rollouts(self.session)
        looked = await rollouts.one(rollout_id)
        if looked is None:
            raise LookupError("there is no such rollout")
        await published.take_turns(looked.pathway)
        forward = await rollouts.one(rollout_id, held=True)
        assert forward is not None  # rollouts are never deleted
        if forward.undoes is not None:
            raise CannotRoll(f"This took {forward.undoes} back. To go forward again, roll its version out anew.")
        undone = await rollouts.undoing(rollout_id)
        if undone is not None and undone.status != "stopped":
            raise CannotRoll(f"This was taken back already; see the rollout {undone.id}.")
        going = await rollouts.going(forward.pathway)
        if going is not None and going.id != forward.id:
            _free(going)
        if forward.status in ("running", "paused"):
            await self.stop(forward, why=why)
        wanted = Wanted(
            pathway=forward.pathway,
            version=forward.former or forward.version,
            policy="new_only" if forward.policy == "new_only" else "now",
            services=forward.mapping.get("services", {}),
            tags=forward.mapping.get("tags", {}),
            batch=batch,
            pause_s=pause_s,
            sms_per_day=sms_per_day,
        )
        undo = rollouts.start(wanted, former=forward.version, by=self.by, why=why, at=self.at, undoes=forward.id)
        current = await published.current(forward.pathway)
        if current is not None and current.version == forward.version and forward.former:
            await published.make_current(forward.pathway, forward.former, by=self.by, at=self.at, why=why, about=undo.id)
        self._deed(undo, "rolled_back", why)
        return undo

    async def decide(
        self, rollout: Rollout, row: RolloutPatient, held: Held, move: Move | None, *, accept: frozenset[str], why: str
    ) -> None:
        """A person decides about somebody who was left: ``move`` says what is replaced by what, None that they stay.

        Raises CannotRoll, UnknownVersion.
        """
        if row.status != "left":
            raise CannotRoll(f"This patient was not left for a person: the status is {row.status.replace('_', ' ')}.")
        if move is None:
            row.why = STAYS
        else:
            await self._move_after_all(rollout, row, held, move, accept)
        row.at = self.at
        Deeds(self.session).add(
            rollout.pathway, "patient_decided", by=self.by, at=self.at, version=rollout.version, about=rollout.id, why=why
        )

    async def _move_after_all(self, rollout: Rollout, row: RolloutPatient, held: Held, move: Move, accept: frozenset[str]) -> None:
        if rollout.status == "stopped" or await Rollouts(self.session).undoing(rollout.id) is not None:
            raise CannotRoll("This rollout was stopped or taken back. Start another one to move anybody to its version.")
        to = await self.session.get(PathwayVersion, rollout.version)
        if to is not None and to.retired is not None:
            raise CannotRoll("This version was retired since, and nobody is put on it any more. Let the patient stay.")
        look = await Moves(self.session, self.plans, self.at).look(held, move)
        if not look.came_from:
            row.status = "gone"
            return
        open_ = [code for code in look.fit.codes if code not in accept]
        if look.fit.fit == "needs_person" and open_:
            raise CannotRoll(
                f"Still to be decided: {', '.join(open_)}. Say what replaces what is gone, or accept these codes; "
                "what the new version does not have is set aside, never lost."
            )
        if not await tell(self.session, held, rollout, move, look, self.at, decided=True):
            raise CannotRoll("This was decided before, and the patient's step could not carry it out. Start another rollout.")
        row.status, row.came_from, row.fit, row.sms = "asked", look.came_from, look.fit.fit, look.sms
        row.why = ",".join(look.fit.codes)

    def _stands(self, rollout: Rollout, *statuses: str, to: str) -> None:
        if rollout.status not in statuses:
            raise CannotRoll(f"This rollout is {rollout.status}; only one that is {' or '.join(statuses)} can be {to}.")

    def _becomes(self, rollout: Rollout, status: str) -> None:
        rollout.status, rollout.held, rollout.edit = status, "", rollout.edit + 1
        rollout.ended = self.at if status == "stopped" else None

    def _deed(
        self,
        rollout: Rollout,
        did: Literal["rollout_started", "rollout_paused", "rollout_resumed", "rollout_stopped", "rolled_back"],
        why: str,
    ) -> None:
        deeds = Deeds(self.session)
        deeds.add(rollout.pathway, did, by=self.by, at=self.at, version=rollout.version, about=rollout.id, why=why)

    async def _current_before(self, version: PathwayVersion) -> str:
        """What new enrolments followed before ``version``, which they follow now; empty where nothing else ever was."""
        deed = select(PathwayDeed.version).where(PathwayDeed.pathway == version.pathway, PathwayDeed.did.in_(BECAME_CURRENT))
        deed = deed.where(PathwayDeed.version != version.version).order_by(PathwayDeed.id.desc()).limit(1)
        older = select(PathwayVersion.version).where(PathwayVersion.pathway == version.pathway, PathwayVersion.retired.is_(None))
        older = older.where(PathwayVersion.version != version.version).order_by(PathwayVersion.published.desc()).limit(1)
        known = await self.session.scalar(deed)
        row = await self.session.get(PathwayVersion, known) if known else None
        if row is not None and row.retired is None:
            return row.version
        return await self.session.scalar(older) or ""

    async def _compiled(self, pathway: str, version: str) -> Pathway:
        return (await self.plans.made_of(self.session, [(pathway, version)]))[0].pathways[pathway]


def decided(rollout: Rollout, services: Mapping[str, str], tags: Mapping[str, str]) -> Move:
    """The rollout's move with what a person said of this patient laid over it."""
    move = move_of(rollout)
    return Move(move.pathway, move.version, move.policy, {**move.services, **services}, {**move.tags, **tags}, rollout=rollout.id)


async def versions_followed(session: AsyncSession, pathway: str) -> dict[str, int]:
    """How many enrolments there are on each version."""
    query = select(Enrolment.version, func.count()).where(Enrolment.pathway == pathway).group_by(Enrolment.version)
    return {version: count for version, count in await session.execute(query.order_by(Enrolment.version))}


def _free(going: Rollout | None) -> None:
    if going is not None:
        raise CannotRoll(
            f"The rollout {going.id} of this pathway is {going.status}. Wait until it is done, or stop it or take it back first."
        )


def _unknown(
    field: str, said: Mapping[str, str], olds: Sequence[Pathway], new: Pathway, names: Callable[[Pathway], Sequence[str]]
) -> list[tuple[str, str, str]]:
    faults = []
    old_names = sorted({name for old in olds for name in names(old)})
    for old, by in said.items():
        if old not in old_names:
            faults.append((f"{field}.{old}", "is in no version that patients are on", f"use one of: {', '.join(old_names)}"))
        if by and by not in names(new):
            faults.append((f"{field}.{old}", "is replaced by a name that the new version does not have",
                           f"use one of: {', '.join(names(new))}; or leave it empty where it ends on purpose"))  # fmt: skip
    return faults
