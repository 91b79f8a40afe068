"""What is connected: record systems that sign in, that call, places that changes are pushed to; and the channels of texts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from api.console.desk import Desk, at
from api.console.pages.admin.asking import names_of_places, page
from api.depends import Session
from api.routes.hook_clients import list_clients as list_hook_clients
from api.routes.messages import read_usage
from api.routes.smart_clients import list_clients as list_smart_clients
from api.routes.webhooks import list_webhooks
from records.channel_states import ChannelStates

router = APIRouter(include_in_schema=False)
SHOWN = 50


@router.get("/admin/connections")
async def connections(desk: Annotated[Desk, at("hooks.manage")], session: Session) -> Response:
    """Listed; what is done with them is in ``connecting``."""
    smart = await list_smart_clients(desk.caller, session, limit=SHOWN)
    hooks = await list_hook_clients(desk.caller, session, limit=SHOWN)
    pushes = await list_webhooks(desk.caller, session, limit=SHOWN)
    at_places = [one.place for one in smart.items] + [one.place for one in hooks.items] + [one.place for one in pushes.items]
    names = await names_of_places(session, at_places)
    return page(desk, "connections.html", smart=smart, hooks=hooks, pushes=pushes, names=names)


@router.get("/admin/channels")
async def channels(desk: Annotated[Desk, at("usage.read")], session: Session) -> Response:
    """Which there are in which order, how each is doing, and what was sent this month."""
    names = list(desk.parts.channels.order)
    states = await ChannelStates(session).of(names)
    usage = await read_usage(desk.caller, session, desk.parts, by="month", limit=2000)
    sums: dict[str, tuple[int, int]] = {}
    for line in usage.items:
        texts, segments = sums.get(line.channel, (0, 0))
        sums[line.channel] = (texts + line.texts, segments + line.segments)
    now = await desk.parts.clock.now(session)
    return page(desk, "channels.html", channels=names, states=states, sums=sums, counted=usage.counted, now=now)
