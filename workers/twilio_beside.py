"""The fake Twilio as a process beside an installation, and the settings that point the installation at it.

Rule: it is reached as the real one is, by HTTP with account and token, and calls our webhooks back with its signature; nothing
of it is in our process.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from activities.channels.phones import FakeTwilioPhones
from workers.settings import Settings
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN

ENDS_WITHIN = 5.0  # seconds
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})


class NoTwilioBeside(RuntimeError):
    """The fake Twilio did not start; the text says what it said."""


@dataclass(frozen=True)
class Beside:
    """A fake Twilio at ``url``. ``settings``: of an installation that uses it. ``ended``: is over when its process is."""

    url: str
    settings: Settings
    phones: FakeTwilioPhones
    ended: Callable[[], Awaitable[object]]


@asynccontextmanager
async def beside(environment: Mapping[str, str]) -> AsyncIterator[Beside]:
    """Start it, with what it took before; end it on leaving. Raises BadSetting, NoTwilioBeside."""
    own = Settings.read(_pointed(environment, "http://127.0.0.1:1"))
    host = "127.0.0.1" if own.api_host in EVERYWHERE else own.api_host
    public = f"http://{host}:{own.api_port}"
    own.home.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers.twilio_fake", "--ends-with-stdin", "--port", "0"),
        *("--file", str(own.home / "twilio-fake.db"), "--inbound-url", f"{public}/api/v1/hooks/twilio/inbound"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us: the provider outlives what uses it
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        said = (await process.stdout.readline()).decode().strip()
        url = said.rpartition(" ")[2]
        if not url.startswith("http"):
            raise NoTwilioBeside("the fake Twilio did not start; what is wrong says: cairn twilio-fake --port 0")
        phones = FakeTwilioPhones(url)
        try:
            yield Beside(url, Settings.read(_pointed(environment, url, public)), phones, process.wait)
        finally:
            await phones.aclose()
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), ENDS_WITHIN)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _pointed(environment: Mapping[str, str], url: str, public_url: str = "") -> dict[str, str]:
    """The environment of an installation that takes ``url`` for Twilio. What it says of another provider is left out."""
    kept = {name: value for name, value in environment.items() if not name.startswith("TWILIO_")}
    return kept | {
        "CAIRN_CHANNEL": "twilio",
        "CAIRN_CHANNELS": "twilio",
        "CAIRN_PUBLIC_URL": public_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": NUMBER,
        "TWILIO_BASE_URL": url,
    }
