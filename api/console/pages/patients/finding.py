"""Finding people: by name, phone or number, and by how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.console.desk import N_, Desk, at
from api.depends import Parts, Session
from api.showing.patients import brief
from records.patient_list import PatientList
from records.worklist import Worklist

PAGE = 25
NAMED = 60  # teams to choose from
LIVES = ("active", "paused", "in_hospital", "moved_away", "withdrawn", "died")
TAGS = ("red", "yellow", "green")
FILTERS = {"tag": N_("Risk tag"), "life": N_("In care"), "pathway": N_("Pathway"), "team": N_("Care team")}

router = APIRouter(include_in_schema=False)
Code = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; "" where it is not."""

    search: str = ""
    tag: str = ""
    life: str = ""
    pathway: str = ""
    reach: str = ""
    team: str = ""

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)

    def address(self, **otherwise: str) -> str:
        """The list with some of it otherwise. The search is in it: it is in no log (see the desk's third rule)."""
        asked = {name: getattr(self, name) for name in self.__slots__} | otherwise
        kept = {name: value for name, value in asked.items() if value}
        return f"/patients?{urlencode(kept)}" if kept else "/patients"


@router.get("/patients")
async def patients_page(
    desk: Annotated[Desk, at("patients.read")],
    session: Session,
    parts: Parts,
    search: Annotated[str, Query(max_length=100)] = "",
    tag: Code = "",
    life: Code = "",
    pathway: Code = "",
    reach: Code = "",
    team: Code = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """People found by the beginnings of their name's words, by a phone, or by the number under which they were enrolled."""
    wanted = Wanted(search.strip(), tag, life, pathway, reach, team)
    page = await PatientList(session, parts.vault).page(
        desk.caller.scope,
        words=wanted.search,
        tag=tag or None,
        life=life or None,
        reach=reach or None,
        pathway=pathway or None,
        team=team or None,
        limit=PAGE,
        after=after,
    )
    shown = [brief(listed) for listed in page.items]
    if desk.within and after is not None:
        return desk.html("patients/rows.html", found=shown, wanted=wanted, next=page.next)
    current = await parts.plans.current(session)
    return desk.html(
        "patients/list.html",
        found=shown,
        wanted=wanted,
        next=page.next,
        teams=() if desk.caller.scope.team else await Worklist(session).teams(desk.caller.scope, limit=NAMED),
        pathways={name: one.title for name, one in current.items()},
        lives=LIVES,
        tags=TAGS,
        first=after is None,
    )
