"""Settings of one installation, by environment; the defaults are the embedded stack in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class BadSetting(ValueError):
    """A setting cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``home``: the folder of the embedded stack. ``temporal_address`` empty: the embedded server is started."""

    home: Path
    database_url: str = field(repr=False)
    temporal_address: str
    namespace: str
    temporal_port: int
    api_host: str
    api_port: int
    master_key: str = field(repr=False)
    channel: str
    twilio_account: str = ""
    twilio_token: str = field(default="", repr=False)
    twilio_from: str = ""
    twilio_base_url: str = ""
    public_url: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """From ``CAIRN_*`` variables. Raises BadSetting."""
        env = os.environ if environment is None else environment
        home = Path(env.get("CAIRN_HOME", "data")).resolve()
        channel = env.get("CAIRN_CHANNEL", "sandbox")
        if channel not in ("sandbox", "twilio"):
            raise BadSetting(f"CAIRN_CHANNEL is {channel!r}; use sandbox or twilio")
        settings = cls(
            home=home,
            database_url=env.get("CAIRN_DATABASE_URL", f"sqlite+aiosqlite:///{home / 'cairn.db'}"),
            temporal_address=env.get("CAIRN_TEMPORAL_ADDRESS", ""),
            namespace=env.get("CAIRN_TEMPORAL_NAMESPACE", "default"),
            temporal_port=_port(env, "CAIRN_TEMPORAL_PORT", 7243),
            api_host=env.get("CAIRN_API_HOST", "127.0.0.1"),
            api_port=_port(env, "CAIRN_API_PORT", 8733),
            master_key=env.get("CAIRN_MASTER_KEY", ""),
            channel=channel,
            twilio_account=env.get("TWILIO_ACCOUNT_SID", ""),
            twilio_token=env.get("TWILIO_AUTH_TOKEN", ""),
            twilio_from=env.get("TWILIO_FROM", ""),
            twilio_base_url=env.get("TWILIO_BASE_URL", ""),
            public_url=env.get("CAIRN_PUBLIC_URL", ""),
        )
        if not settings.database_url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
            raise BadSetting("CAIRN_DATABASE_URL must begin with sqlite+aiosqlite:/// or postgresql+asyncpg://")
        if channel == "twilio" and not (settings.twilio_account and settings.twilio_token and settings.twilio_from):
            raise BadSetting("CAIRN_CHANNEL=twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM")
        return settings


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise BadSetting(f"{name} is {text!r}; use a port number from 1 to 65535")
    return int(text)
