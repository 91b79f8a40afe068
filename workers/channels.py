"""The channels of an installation, from its settings: which there are, in which order, and what each is opened with.

Rule: a channel that our settings do not know gets the variables that begin with its name: PIGEON_TOKEN is the option ``token`` of
``pigeon``, and a secret may lie in a file (PIGEON_TOKEN_FILE).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from activities.channels.port import Misconfigured
from activities.channels.registry import NAME, OURS, PLUGIN, Channels, is_known, known_names, open_channels
from workers.declared import BadSetting, InForce, read_secret

if TYPE_CHECKING:  # reading the settings loads no database
    from records.clock import Clock
    from records.database import Database

TWILIO = {
    "account_sid": "TWILIO_ACCOUNT_SID",
    "auth_token": "TWILIO_AUTH_TOKEN",
    "base_url": "TWILIO_BASE_URL",
    "webhook_secret": "TWILIO_WEBHOOK_SECRET",
}
NEEDED = ("account_sid", "auth_token", "from")
DECLARED: dict[str, dict[str, str]] = {
    "sandbox": {},
    "twilio": {**TWILIO, "from": "TWILIO_FROM"},
    "whatsapp": {**TWILIO, "from": "CAIRN_WHATSAPP_FROM", "templates": "CAIRN_WHATSAPP_TEMPLATES"},
}
"""Options of our own channels, and the settings that give them."""


class Configured(Protocol):
    """The settings that channels are opened with."""

    @property
    def home(self) -> Path: ...
    @property
    def public_url(self) -> str: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def channel_options(self) -> Mapping[str, Mapping[str, str]]: ...


def order_of(found: Mapping[str, InForce]) -> tuple[str, ...]:
    """The network's channels, the first to be tried first: CAIRN_CHANNELS, or the one of CAIRN_CHANNEL. Raises BadSetting."""
    written = found["CAIRN_CHANNELS"].value
    names = tuple(dict.fromkeys(name.strip() for name in written.split(",") if name.strip()))
    if written and not names:
        raise BadSetting(f"CAIRN_CHANNELS names no channel; use some of: {', '.join(known_names())}")
    gateways = gateways_of(found)
    for name in names:
        if name not in gateways and not is_known(name):
            known = sorted({*known_names(), *gateways})
            raise BadSetting(f"CAIRN_CHANNELS names {name!r}, which is no channel; use some of: {', '.join(known)}")
    return names or (found["CAIRN_CHANNEL"].value,)


def gateways_of(found: Mapping[str, InForce]) -> dict[str, str]:
    """The files of CAIRN_GATEWAY_CONFIG by the name of their channel. Raises BadSetting."""
    files: dict[str, str] = {}
    for part in found["CAIRN_GATEWAY_CONFIG"].value.split(","):
        before, given, after = part.strip().partition("=")
        name, file = (before.strip(), after.strip()) if given else ("gateway", before)
        if not file and not given:
            continue
        if not NAME.fullmatch(name) or (name in OURS and name != "gateway"):
            raise BadSetting(f"CAIRN_GATEWAY_CONFIG calls a gateway {name!r}; use a word of a-z and 0-9 that no other channel has")
        if name in files:
            raise BadSetting(f"CAIRN_GATEWAY_CONFIG names {name!r} twice; write NAME=FILE, NAME=FILE with two names")
        if not Path(file).is_file():
            raise BadSetting(f"CAIRN_GATEWAY_CONFIG is {file!r} for {name}; use the path of a file that can be read")
        files[name] = file
    return files


def options_of(found: Mapping[str, InForce], order: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each channel of ``order`` is opened with; has secrets in it. Raises BadSetting."""
    gateways = gateways_of(found)
    options: dict[str, dict[str, str]] = {}
    for name in order:
        if name in DECLARED:
            missing = [setting for option, setting in DECLARED[name].items() if option in NEEDED and not found[setting].value]
            if missing:
                raise BadSetting(f"the channel {name} needs {', '.join(missing)}")
            options[name] = {option: found[setting].value for option, setting in DECLARED[name].items() if found[setting].value}
            continue
        options[name] = _beginning_with(f"{name.upper()}_", environment)
        if name in gateways:
            options[name] |= {PLUGIN: "gateway", "config": gateways[name]}
    return options


def _beginning_with(prefix: str, environment: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for variable in sorted(environment):
        if variable.startswith(prefix) and environment[variable].strip():
            option = variable.removeprefix(prefix)
            in_file = option.endswith("_FILE") and option != "_FILE"
            value = environment[variable].strip()
            options[option.removesuffix("_FILE").lower()] = read_secret(variable, Path(value)) if in_file else value
    return options


def opened(settings: Configured, database: Database, clock: Clock) -> Channels:
    """The open channels of this process. Raises BadSetting."""

    async def now() -> datetime:
        async with database.reading() as session:
            return await clock.now(session)

    try:
        return open_channels(settings.channels, settings.channel_options, settings.home, settings.public_url, now)
    except Misconfigured as wrong:
        raise BadSetting(wrong.remedy) from wrong
