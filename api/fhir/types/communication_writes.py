"""A Communication that comes in: a question about a referral, the reply to one, a report, or instructions.

Rule: it goes the way REST's words go: a question moves the referral, a reply lets it go on, a report completes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from api.fhir.differing import LONGEST, rule
from api.fhir.exchange import Desk
from api.fhir.kinds import Refused, Resource
from api.fhir.making import Making
from api.fhir.transitions import SAID_KIND
from api.fhir.types.communications import said_id
from api.models.base import Happened
from api.referring import Answer
from api.rights import has
from records.intake.fhir import codings, part, parts, text
from records.patients import Patients
from records.referrals import referrals, thread, told
from records.tables import ReferralRow

KINDS = ("question", "reply", "report", "instructions")


class CommunicationWrites:
    """Write side of Communication."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {"create": ("referrals.answer", "referrals.reply")}
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Said about a referral; its line of the thread."""
        if text(resource.get("status")) != "completed":
            raise rule("What is said is said: send it with status completed.", "Communication.status")
        row = await _about(desk, resource)
        words, kind = _words(resource), _kind(desk, resource)
        right = "referrals.reply" if kind == "reply" else "referrals.answer"
        if not has(desk.caller, right):
            raise Refused(403, "forbidden", f"A {kind} takes the right {right}, which you or this key have not.")
        answer = Answer(making, desk.caller.scope, row.id, Happened())
        match kind:
            case "question":
                await answer.moves("more_asked", ("question", words))
            case "report":
                await answer.moves("completed", ("report", words))
            case "instructions":
                await answer.moves("sent_back", ("instructions", words))
            case _:
                await answer.replies(words)
        id_ = await _line(desk, row, kind, words)
        async with desk.parts.database.begin() as session:
            await making.made(session, id_)
        return id_

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        raise Refused(405, "not-supported", "What was said stays: say what is right in another.")

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "What was said stays.")


async def _about(desk: Desk, resource: Resource) -> ReferralRow:
    where = "Communication.basedOn"
    about = [*parts(resource, "basedOn"), *parts(resource, "about")]
    named = [text(one.get("reference")).removeprefix(f"{desk.base}/") for one in about]
    ids = {id_ for one in named for type_, _, id_ in [one.partition("/")] if type_ in ("ServiceRequest", "Task")}
    if len(ids) != 1:
        raise Refused(422, "required", f"{where}: name the one referral that it is about, as ServiceRequest/id.", (where,))
    async with desk.parts.database.reading() as session:
        row = await referrals(session).one(desk.caller.scope, ids.pop())
    if row is None:
        raise Refused(422, "not-found", f"{where}: there is no such referral among yours.", (where,))
    subject = text(part(resource, "subject").get("reference")).removeprefix(f"{desk.base}/")
    if subject not in ("", f"Patient/{row.patient_id}"):
        raise rule("The referral is another patient's: leave subject out, or send the referral's.", "Communication.subject")
    return row


def _words(resource: Resource) -> str:
    said = [one.get("contentString") for one in parts(resource, "payload")]
    words = "\n".join(one.strip() for one in said if isinstance(one, str) and one.strip())
    if not 1 <= len(words) <= LONGEST:
        told = f"What is said? Send payload.contentString of 1 to {LONGEST} characters."
        raise Refused(422, "required", told, ("Communication.payload",))
    return words


def _kind(desk: Desk, resource: Resource) -> str:
    """What it is; a question from a place and a reply from a care team, unless it says so."""
    named = [coding.code for category in parts(resource, "category") for coding in codings(category) if coding.system == SAID_KIND]
    if named and named[0] not in KINDS:
        raise rule(f"This category is not said here: use one of {', '.join(KINDS)}.", "Communication.category")
    return named[0] if named else "question" if desk.caller.scope.is_a_place else "reply"


async def _line(desk: Desk, row: ReferralRow, kind: str, words: str) -> str:
    """The last line that says so."""
    async with desk.parts.database.reading() as session:
        now = await referrals(session).one(desk.caller.scope, row.id)
        said = thread(told(await Patients(session, desk.parts.vault).vault_of(row.patient_id), now or row))
    n = max(n for n, line in enumerate(said) if (line.kind, line.text) == (kind, words))
    return said_id(row.patient_id, row.id, n)
