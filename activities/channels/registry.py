"""Which channels there are, and those that an installation has opened.

Rule 1: a channel is found by its entry point in the group ``cairn.channels``; nothing here knows one from another.
Rule 2: our own are known without looking through the installed packages, so that no other package can take their names.
Rule 3: a name that no package carries, and a channel that cannot be opened, are said before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from activities.channels.port import Channel, Misconfigured, Open, Opening

GROUP = "cairn.channels"
PLUGIN = "plugin"
"""The option that names the entry point where a channel has a name of its own, as two gateways have."""
NAME = re.compile(r"[a-z][a-z0-9]{0,23}")
"""What a channel may be called: the name is a part of addresses, of settings and of records."""

OURS = {
    entry.name: entry
    for entry in (
        EntryPoint("sandbox", "activities.channels.opening:sandbox", GROUP),
        EntryPoint("twilio", "activities.channels.opening:twilio", GROUP),
        EntryPoint("whatsapp", "activities.channels.opening:whatsapp", GROUP),
        EntryPoint("gateway", "activities.channels.opening:gateway", GROUP),
    )
}


class NoSuchChannel(Misconfigured):
    """A name that is not carried by any installed package."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no channel {name!r}; use some of: {', '.join(known)}")
        self.name = name


@dataclass(frozen=True)
class Channels:
    """The open channels by name, and the network's order: a message is tried on the first, then on the next."""

    by_name: Mapping[str, Channel]
    order: tuple[str, ...]

    @classmethod
    def of(cls, *channels: Channel) -> Channels:
        """These, in this order."""
        return cls({channel.name: channel for channel in channels}, tuple(channel.name for channel in channels))

    def __getitem__(self, name: str) -> Channel:
        """Raises KeyError for one that is not open here."""
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[Channel]:
        return (self.by_name[name] for name in self.order)

    @property
    def first(self) -> Channel:
        """The network's first."""
        return self.by_name[self.order[0]]

    def order_for(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The order for a person who chose ``names``: theirs and no other, without those that are not open here.

        Nothing chosen, or nothing left of it, is the network's order: a channel that was given up must not silence anybody.
        """
        return tuple(dict.fromkeys(name for name in names if name in self.by_name)) or self.order

    async def aclose(self) -> None:
        """Close all of them, the rest too when one fails to."""
        for channel in self.by_name.values():
            with suppress(Exception):
                await channel.aclose()


def open_channels(
    order: tuple[str, ...],
    options: Mapping[str, Mapping[str, str]],
    home: Path,
    public_url: str,
    now: Callable[[], Awaitable[datetime]],
) -> Channels:
    """Open the channels of ``order`` with their ``options`` (channel, option, value); see ``Opening``.

    Raises NoSuchChannel, and Misconfigured where a channel cannot be opened as it is set.
    """
    if not order:
        raise Misconfigured(f"no channel is named; use some of: {', '.join(known_names())}")
    opened: dict[str, Channel] = {}
    for name in dict.fromkeys(order):
        given = dict(options.get(name, {}))
        channel = factory(given.pop(PLUGIN, name))(Opening(name, given, home, public_url, now))
        if channel.name != name:
            raise Misconfigured(f"the channel {name!r} calls itself {channel.name!r}; its package must keep the name it is given")
        opened[name] = channel
    return Channels(opened, tuple(opened))


def factory(name: str) -> Open:
    """What opens the channel. Raises NoSuchChannel, and Misconfigured where its package is broken."""
    found = _carried(name)
    if not found:
        raise NoSuchChannel(name, known_names())
    if len({entry.value for entry in found}) > 1:
        packages = ", ".join(sorted(entry.dist.name if entry.dist else entry.value for entry in found))
        raise Misconfigured(f"several packages carry a channel {name!r} ({packages}); keep one of them")
    try:
        opens: Open = found[0].load()
    except Exception as broken:  # whatever a foreign module does when it is imported
        raise Misconfigured(f"the channel {name!r} cannot be loaded from {found[0].value} ({type(broken).__name__})") from broken
    return opens


def is_known(name: str) -> bool:
    """Does an installed package carry this channel? Loads nothing."""
    return bool(_carried(name))


def _carried(name: str) -> list[EntryPoint]:
    if name in OURS:
        return [OURS[name]]
    return list(entry_points(group=GROUP, name=name)) if NAME.fullmatch(name) else []


def known_names() -> tuple[str, ...]:
    """The channels that the installed packages carry, by name. Reads the metadata of all of them."""
    return tuple(sorted({*OURS, *(entry.name for entry in entry_points(group=GROUP) if NAME.fullmatch(entry.name))}))
