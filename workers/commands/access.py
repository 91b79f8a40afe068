"""``cairn keys``, ``accounts``, ``audit``: who may call and sign in, and whether what they did is written down whole.

Rule: a key is printed once, on stdout and nowhere else; a password is asked for, or read from stdin, never an argument.
"""

from __future__ import annotations

import asyncio
import base64
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.granting import fits, given
from api.problems import Problem
from records.accounts import Accounts, Passwords, WeakPassword, checked
from records.audit import AuditLog, Entry, verify
from records.callers import Keys
from records.database import check_ready
from records.places import EVERYWHERE, Places
from records.tables import Account, ApiKey
from records.vault import OPENED
from workers.parts import Parts
from workers.settings import BadSetting, Settings

keys = typer.Typer(no_args_is_help=True, help="Master key and API keys.")
accounts = typer.Typer(no_args_is_help=True, help="People who sign in.")
audit = typer.Typer(no_args_is_help=True, help="The log of who read or wrote whose record.")
OPERATOR = "operator"
AT_A_TIME = 200

OF_ONE_PLACE = frozenset({"health_manager", "doctor", "clinic", "pharmacy"})
RoleOption = Annotated[str, typer.Option(help="Such as administrator, coordinator, health_manager, doctor, clinic, auditor.")]
PlaceOption = Annotated[str, typer.Option(help="A care team or a place, with everything beneath it; * for every network.")]


def add_to(app: typer.Typer) -> None:
    """Add the three groups."""
    for name, group in (("keys", keys), ("accounts", accounts), ("audit", audit)):
        app.add_typer(group, name=name)


@asynccontextmanager
async def _ready() -> AsyncIterator[Parts]:
    parts = Parts.make(Settings.read())
    try:
        await check_ready(parts.database)
        yield parts
    except Problem as refused:
        faults = "; ".join(f"{fault.field} {fault.reason}; {fault.remedy}" for fault in refused.faults)
        raise BadSetting(faults or refused.detail) from None
    finally:
        await parts.close()


@keys.command("master")
def keys_master() -> None:
    """Print a fresh master key for CAIRN_MASTER_KEY. Keep it: without it nobody's data opens again."""
    print(base64.b64encode(os.urandom(32)).decode())


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="For whom.")],
    role: RoleOption,
    place: PlaceOption = "",
    right: Annotated[list[str] | None, typer.Option(help="Only this right of the role's; may be given several times.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3660, help="How long it lasts; until it is revoked unless given.")] = None,
) -> None:
    """Make an API key; it is shown this once, only its hash is kept."""
    if not place and role in OF_ONE_PLACE:
        raise BadSetting(f"a key for a {role} needs its place: add --place TEAM-OR-PLACE, or --place '*' for every network")
    place = place or EVERYWHERE

    async def add(parts: Parts) -> None:
        async with parts.database.begin() as session:
            await fits(session, role, place, right)
            made = Keys(session)
            expires = made.now() + timedelta(days=days) if days is not None else None
            key, row = made.add(name, role, place, rights=frozenset(right) if right else None, expires=expires)
        await _noted(parts, "keys.manage", given(row.id, role, place))
        _said({"id": row.id, "name": name, "role": role, "place": place, "key": key, "expires": expires})

    _do(add)


@keys.command("list")
def keys_list() -> None:
    """Every key, a line each; what it opens with is kept nowhere."""

    async def show(parts: Parts) -> None:
        async with parts.database.reading() as session:
            everywhere, found, after = await Places(session).under(EVERYWHERE), Keys(session), None
            while True:
                page = await found.page(everywhere, limit=AT_A_TIME, after=after)
                for row in page.items:
                    stands = "open" if found.opens(row) else "revoked" if row.revoked is not None else "expired"
                    until = row.expires.date().isoformat() if row.expires is not None else "-"
                    used = row.last_used.date().isoformat() if row.last_used is not None else "never"
                    print(f"{row.id}  {stands:8}{row.role:16}{row.place:20}until {until:12}used {used:12}{row.name}")
                after = page.next
                if after is None:
                    return

    _do(show)


@keys.command("rotate")
def keys_rotate(
    key_id: Annotated[str, typer.Argument(help="As `cairn keys list` shows it.")],
    grace_hours: Annotated[int, typer.Option(min=0, max=744, help="How long the old one goes on.")] = 24,
) -> None:
    """Make a key that does what this one does; the old one ends after the grace."""

    async def rotate(parts: Parts) -> None:
        async with parts.database.begin() as session:
            row, found = await _key(session, key_id), Keys(session)
            if not found.opens(row):
                raise BadSetting("this key opens nothing any more; make a new one with: cairn keys add")
            key, new = found.rotate(row, grace=timedelta(hours=grace_hours))
        await _noted(parts, "keys.manage", given(new.id, new.role, new.place))
        _said({"id": new.id, "name": new.name, "role": new.role, "place": new.place, "key": key, "expires": new.expires})

    _do(rotate)


@keys.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="As `cairn keys list` shows it.")]) -> None:
    """The key opens nothing any more, within seconds everywhere; its row stays."""

    async def revoke(parts: Parts) -> None:
        async with parts.database.begin() as session:
            Keys(session).revoke(await _key(session, key_id))
        await _noted(parts, "keys.manage", key_id)
        print(f"{key_id} is revoked")

    _do(revoke)


async def _key(session: AsyncSession, key_id: str) -> ApiKey:
    row = await Keys(session).one(key_id, await Places(session).under(EVERYWHERE))
    if row is None:
        raise BadSetting(f"there is no key {key_id!r}; see: cairn keys list")
    return row


@accounts.command("add")
def accounts_add(
    login: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: RoleOption,
    place: PlaceOption = EVERYWHERE,
    name: Annotated[str, typer.Option(help="As it is shown.")] = "",
) -> None:
    """Make an account; its password is asked for (or read from stdin)."""

    async def add(parts: Parts) -> None:
        hashed = await Passwords().hashed(_password(login))
        async with parts.database.begin() as session:
            await fits(session, role, place)
            found = Accounts(session)
            if await found.with_login(login) is not None:
                raise BadSetting(f"there is an account {login!r} already; see: cairn accounts list")
            account = found.add(login, hashed, name=name, role=role, place=place)
        await _noted(parts, "accounts.manage", given(account.id, role, place))
        _said({"id": account.id, "login": account.login, "role": role, "place": place})

    _do(add)


@accounts.command("list")
def accounts_list() -> None:
    """Every account, a line each."""

    async def show(parts: Parts) -> None:
        async with parts.database.reading() as session:
            found = Accounts(session)
            for account in await session.scalars(select(Account).order_by(Account.login)):
                stands = "disabled" if account.disabled else "locked" if found.is_locked(account) else "open"
                print(f"{account.login:24}{stands:10}{account.role:16}{account.place:20}{account.name}")

    _do(show)


@accounts.command("disable")
def accounts_disable(login: str) -> None:
    """Nobody signs in with it any more, and whoever is signed in is so no more."""

    async def disable(parts: Parts) -> None:
        async with parts.database.begin() as session:
            account = await _account(session, login)
            account.disabled, account.version = True, account.version + 1
            await Keys(session).end_sign_ins(account.id)
        await _noted(parts, "accounts.manage", account.id)
        print(f"{account.login} is disabled")

    _do(disable)


@accounts.command("password")
def accounts_password(login: str) -> None:
    """Another password (asked for, or read from stdin); it opens a locked account, too."""

    async def change(parts: Parts) -> None:
        hashed = await Passwords().hashed(_password(login))
        async with parts.database.begin() as session:
            account = await _account(session, login)
            await Accounts(session).set_password(account, hashed)
        await _noted(parts, "accounts.manage", account.id)
        print(f"{account.login} has another password; whoever was signed in is signed out")

    _do(change)


async def _account(session: AsyncSession, login: str) -> Account:
    account = await Accounts(session).with_login(login)
    if account is None:
        raise BadSetting(f"there is no account {login!r}; see: cairn accounts list")
    return account


def _password(login: str) -> str:
    asked = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    try:
        return checked(asked, login=login)
    except WeakPassword as weak:
        raise BadSetting(f"the password {weak}") from None


@audit.command("verify")
def audit_verify(
    since: Annotated[datetime | None, typer.Option(help="Only entries from then on (UTC), and what they are bound to.")] = None,
) -> None:
    """Whether the audit log is whole: exit 1, and what does not hold, where it is not."""

    async def check(parts: Parts) -> int:
        moment = since.replace(tzinfo=UTC) if since is not None else None
        verdict = await verify(parts.database, AuditLog.of(parts.database, parts.vault).key, since=moment)
        for fault in verdict.broken:
            print(fault, file=sys.stderr)
        whole = "it is whole" if not verdict.broken else "IT DOES NOT HOLD; keep a copy of the database before anything else"
        print(f"{verdict.entries} entries in {verdict.chains} chains: {whole}")
        return 1 if verdict.broken else 0

    raise typer.Exit(_do(check))


@asynccontextmanager
async def written_down(parts: Parts, action: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Whose records a command opens is in the audit log: once when it begins, and whenever the command says so (and at its end).

    Raises NotWrittenDown.
    """
    log, opened = AuditLog.of(parts.database, parts.vault), set[str]()

    def entry(patients: Sequence[str], status: int) -> Entry:
        return Entry(getpass.getuser()[:40], OPERATOR, EVERYWHERE, action, "command", patients, status)

    async def so_far() -> None:
        patients = sorted(opened)
        opened.clear()
        if patients:
            await log.write(entry(patients, 200))

    await log.write(entry((), 0))
    within = OPENED.set(opened)
    try:
        yield so_far
    finally:
        OPENED.reset(within)
        await so_far()


async def _noted(parts: Parts, action: str, record: str) -> None:
    """An operator's change of who may call is in the audit log, as an administrator's is."""
    await AuditLog.of(parts.database, parts.vault).write(
        Entry(getpass.getuser()[:40], OPERATOR, EVERYWHERE, action, record, status=200)
    )


def _said(found: dict[str, object]) -> None:
    print(json.dumps({name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}))


def _do(work: Callable[[Parts], Awaitable[int | None]]) -> int:
    async def go() -> int:
        async with _ready() as parts:
            return await work(parts) or 0

    return asyncio.run(go())
