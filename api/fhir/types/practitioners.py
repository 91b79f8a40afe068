"""Practitioner: the people who care, by name, and the tools that work for them; nothing else of an account is shown.

Rule: a care team knows who works at its place, beneath it and above it; a hospital or pharmacy knows its own people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from api.fhir.coding import without_nothing
from api.fhir.kinds import Door, Param, Resource, meta
from api.fhir.of_network import OfNetwork
from api.fhir.of_patients import HL7
from api.rights import CARE
from records.callers import OF_A_PLACE
from records.places import EVERYWHERE, Places
from records.tables import Account, ApiKey

WHO = "urn:cairn:who"


class Practitioners(OfNetwork):
    """The type."""

    type = "Practitioner"
    reads: tuple[str, ...] = ("tasks.read", "referrals.read", "refills.read")
    params: Mapping[str, Param] = {
        "name": Param("string", "the beginning of the name", modifiers=("exact",), definition=f"{HL7}/Practitioner-name"),
        "identifier": Param("token", f"the id, of system {WHO}", definition=f"{HL7}/Practitioner-identifier"),
        "active": Param("token", "whether they may sign in", definition=f"{HL7}/Practitioner-active"),
    }
    paths: Mapping[str, tuple[str, ...]] = {"name": ("name.text",), "identifier": ("identifier",), "active": ("active",)}
    order: str = "_id"
    sorts: tuple[str, ...] = ("_id", "_lastUpdated")

    async def seen(self, door: Door, ids: Collection[str] | None) -> list[Resource]:
        """People and tools."""
        caller = door.caller
        roles = (caller.role,) if caller.role in OF_A_PLACE else CARE
        known = await _places(door)
        accounts = select(Account).where(Account.role.in_(roles))
        keys = select(ApiKey).where(ApiKey.role.in_(roles), ApiKey.account_id.is_(None))
        if ids is not None:
            accounts, keys = accounts.where(Account.id.in_(sorted(ids))), keys.where(ApiKey.id.in_(sorted(ids)))
        if known is not None:
            accounts, keys = accounts.where(Account.place.in_(known)), keys.where(ApiKey.place.in_(known))
        found = [_person(one) for one in await door.session.scalars(accounts)]
        return found + [_tool(one) for one in await door.session.scalars(keys)]


async def _places(door: Door) -> list[str] | None:
    """Where the people work whom the caller knows; None for everywhere."""
    caller, places = door.caller, Places(door.session)
    if caller.place == EVERYWHERE:
        return None
    under = await places.under(caller.place)
    here = {caller.place, *under.organisations, *under.teams}
    if caller.role not in OF_A_PLACE:
        here |= await places.seen_from(caller.place) or frozenset()
        here.add(EVERYWHERE)
    return sorted(here)


def _person(account: Account) -> Resource:
    return without_nothing({
        "resourceType": "Practitioner",
        "id": account.id,
        "meta": meta(account.version, account.changed),
        "identifier": [{"system": WHO, "value": account.id}],
        "active": not account.disabled,
        "name": [{"text": account.name}] if account.name else None,
    })  # fmt: skip


def _tool(key: ApiKey) -> Resource:
    ended = key.revoked
    return without_nothing({
        "resourceType": "Practitioner",
        "id": key.id,
        "meta": meta(1 if ended is None else 2, ended or key.created),
        "identifier": [{"system": WHO, "value": key.id}],
        "active": ended is None,
        "name": [{"text": key.name}] if key.name else None,
    })  # fmt: skip
