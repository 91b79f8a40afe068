"""How long places may stay silent on a referral, and the clock where it is driven."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.admin.asking import page, refused
from api.depends import Session
from api.models.referral_limits import ReferralLimitsIn
from api.problems import Problem, not_found
from api.routes.clock import MoveTo, move_clock, read_clock
from api.routes.referral_limits import change_referral_limits, read_referral_limits
from records.places import EVERYWHERE, Places
from records.tables import Organisation

router = APIRouter(include_in_schema=False)
Limits = Annotated[Desk, at("referral_limits.write")]
Moves = Annotated[Desk, at("clock.move")]
Short = Annotated[str, Query(max_length=40)]
PARTS = ("within", "remind")


@router.get("/admin/limits")
async def limits(desk: Limits, session: Session, network: Short = "") -> Response:
    """The limits that hold."""
    return await _limits(desk, session, network)


@router.post("/admin/limits")
async def change(desk: Limits, network: Short = "") -> Response:
    """Only what differs from the shipped ones is written down; open referrals keep to it at once."""
    form = desk.form
    table: dict[str, dict[str, dict[str, str]]] = {}
    for name in form.values:
        part, _, where = name.partition(".")
        urgency, _, stage = where.partition(".")
        text, shipped = form.text(name), form.text(f"was.{name}")
        if part in PARTS and text and stage and (text != shipped or form.text(f"own.{where}")):
            table.setdefault(urgency, {}).setdefault(stage, {})[part] = text
    for urgency, stages in table.items():
        for stage, cell in stages.items():  # one that has another reminder keeps its limit, and the other way round
            for part in PARTS:
                if part not in cell and form.text(f"{part}.{urgency}.{stage}"):
                    cell[part] = form.text(f"{part}.{urgency}.{stage}")
    try:
        await change_referral_limits(desk.caller, desk.writing(), network, made(ReferralLimitsIn, limits=table), Response())
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _limits(desk, session, network, form=told)
    return desk.go(f"/admin/limits?network={network}", said="saved")


@router.get("/admin/clock")
async def clock(desk: Moves) -> Response:
    """Where time stands."""
    return page(desk, "clock.html", clock=await read_clock(desk.caller, desk.parts), form=None)


@router.post("/admin/clock")
async def move(desk: Moves) -> Response:
    """Time moves forward, and everybody for whom something is due is woken."""
    try:
        text = desk.form.text("to")
        try:
            to = datetime.fromisoformat(text if len(text) > 16 else f"{text}:00+00:00")
        except ValueError:
            raise wrong("to", desk.say(N_("This is not a moment."))) from None
        await move_clock(desk.caller, desk.parts, made(MoveTo, to=to.isoformat()))
    except Problem as problem:
        told = refused(desk, problem)
        return page(desk, "clock.html", status=422, clock=await read_clock(desk.caller, desk.parts), form=told)
    return desk.go("/admin/clock", said="saved")


async def _limits(desk: Desk, session: AsyncSession, network: str, *, form: Form | None = None) -> Response:
    roots = select(Organisation).where(Organisation.kind == "network").order_by(Organisation.id).limit(50)
    own = await Places(session).networks_of(desk.caller.place) if desk.caller.place != EVERYWHERE else None
    networks = [one for one in await session.scalars(roots) if own is None or one.id in own]
    chosen = network or (networks[0].id if networks else "")
    if not chosen:
        raise not_found()
    answer = Response()
    found = await read_referral_limits(desk.caller, session, chosen, answer)
    told: dict[str, Any] = found.model_dump(mode="json")
    stages = list(dict.fromkeys(stage for cells in told["limits"].values() for stage in cells))
    read = desk.form.text("read") if form else answer.headers["etag"]
    return page(
        desk,
        "limits.html",
        status=422 if form else 200,
        limits=told["limits"],
        written=told["written"],
        stages=stages,
        networks=networks,
        chosen=chosen,
        read=read,
        form=form,
    )
