"""``cairn channels``: which ways to a phone there are, whether those of this installation are set up, and one text on trial."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import Annotated

import phonenumbers
import typer

from activities.channels.port import Channel, InDoubt, Misconfigured, OutgoingSms, TryLater, Undeliverable
from activities.channels.registry import Channels, known_names, open_channels
from workers.settings import BadSetting, Settings

OK, WRONG = 0, 1
TEXT = "A test of the text service of your clinic. Nobody is asked to do anything."

channels = typer.Typer(no_args_is_help=True, help="The ways in which patients are texted.")


def add_to(app: typer.Typer) -> None:
    """Add the commands about channels."""
    app.add_typer(channels, name="channels")


@channels.command("list")
def list_() -> None:
    """The channels that the installed packages carry, and the order in which this installation tries its own."""
    settings = Settings.read()
    for name in dict.fromkeys((*settings.channels, *known_names())):
        place = f"tried as number {settings.channels.index(name) + 1}" if name in settings.channels else "not in use"
        print(f"{name:12} {place}")


@channels.command()
def check() -> None:
    """Open the channels of this installation without sending anything; the exit code is 1 when one cannot be used."""
    raise typer.Exit(asyncio.run(_check(Settings.read())))


@channels.command("try")
def try_(
    name: Annotated[str, typer.Argument(help="A channel of this installation.")],
    to: Annotated[str, typer.Option(help="The number that is texted, with + and the country code: your own.")],
    text: Annotated[str, typer.Option(help="What it says.")] = TEXT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Send one real text, after asking; it is nobody's message and stands in no records."""
    settings = Settings.read()
    if name not in settings.channels:
        raise BadSetting(f"{name!r} is no channel of this installation; use one of: {', '.join(settings.channels)}")
    if not _is_number(to):
        raise typer.BadParameter("use a number such as +8613800138000", param_hint="--to")
    if not yes:
        typer.confirm(f"Send one text through {name} to {to}? It may cost money.", abort=True)
    raise typer.Exit(asyncio.run(_try(settings, name, OutgoingSms("trial", f"trial-{secrets.token_hex(8)}", to, text))))


@channels.command()
def schema() -> None:
    """The JSON Schema of a gateway's file, for an editor."""
    from activities.channels.gateway_check import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=1))


async def _now() -> datetime:
    return datetime.now(UTC)


def _opened(settings: Settings, name: str) -> Channels:
    return open_channels((name,), settings.channel_options, settings.home, settings.public_url, _now)


async def _check(settings: Settings) -> int:
    code = OK
    for place, name in enumerate(settings.channels, 1):
        try:
            opened = _opened(settings, name)
        except Misconfigured as wrong:
            code = WRONG
            print(f"{place}. {name}: WRONG\n" + "\n".join(f"   {line}" for line in wrong.remedy.splitlines()))
            continue
        print(f"{place}. {name}: can be opened")
        for line in _told(settings, opened.first):
            print(f"   {line}")
        await opened.aclose()
    return code


def _told(settings: Settings, channel: Channel) -> list[str]:
    told = list(getattr(channel, "remarks", ()))
    if channel.name == "sandbox":
        return [*told, "nobody is texted: its phones are pretended"]
    if not settings.public_url:
        return [
            *told,
            "set CAIRN_PUBLIC_URL: without it nobody tells us what became of a text, nor what patients answer, STOP included",
        ]
    hooks = f"{settings.public_url}/api/v1/hooks/{channel.name}"
    return [*told, f"what patients answer is heard at {hooks}/inbound", f"what became of a text is heard at {hooks}/status"]


async def _try(settings: Settings, name: str, sms: OutgoingSms) -> int:
    try:
        opened = _opened(settings, name)
    except Misconfigured as wrong:
        print(wrong.remedy)
        return WRONG
    try:
        receipt = await opened.first.send(sms)
    except Undeliverable as refused:
        print(f"refused: {refused.reason}" + (f", code {refused.code}" if refused.code else ""))
    except Misconfigured as wrong:
        print(f"the provider refuses us: {wrong.remedy}" + (f", code {wrong.code}" if wrong.code else ""))
    except TryLater as later:
        print(f"not taken just now: {later.reason}")
    except Exception as doubt:  # as for a patient's text: whatever else a channel raises, it may be on its way
        why = doubt.reason if isinstance(doubt, InDoubt) else type(doubt).__name__
        print(f"nobody knows whether it was taken: {why}")
    else:
        print(f"taken as {receipt.provider_id} ({receipt.status})" + (f", {receipt.segments} parts" if receipt.segments else ""))
        return OK
    finally:
        await opened.aclose()
    return WRONG


def _is_number(text: str) -> bool:
    try:
        return text.startswith("+") and phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False
