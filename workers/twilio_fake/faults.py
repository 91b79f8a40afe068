"""What goes wrong, how often: shares from 0 to 1, times in seconds of real time."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class BadFault(ValueError):
    """A fault that there is not, or a value that it cannot have; the text says which and what would be right."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults in force; without any, a faithful provider on a good day.

    Of requests to send: ``throttle`` (429; ``retry_after`` is what it asks for), ``down`` (503 with Twilio's code, not taken),
    ``error_before`` and ``error_after`` (500, not taken and taken), ``gateway_before`` and ``gateway_after`` (503 of something in
    between, without Twilio's code, not taken and taken), ``cut_before`` and ``cut_after`` (the connection is cut, not
    taken and taken), ``hang`` (taken, and answered only after ``hang_seconds``). ``answer_delay``: every answer.
    ``most_per_second``: more than this within a second of real time is throttled; 0 is no limit.

    Of callbacks: ``lose``, ``repeat``, ``late`` (by ``late_seconds``), ``shuffle`` (``sent`` comes behind what follows it).

    Of messages: ``undelivered`` (given up with 30008), ``sent_after`` and ``delivered_after`` the acceptance, ``list_lag``:
    how long the list does not show them. ``no_credit``: the account is suspended. ``outage_from`` to ``outage_to`` (this
    provider's clock): nothing is answered but 503, without Twilio's code if ``outage_by_gateway``.
    """

    seed: int = 1
    throttle: float = 0.0
    retry_after: int = 1
    down: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    gateway_before: float = 0.0
    gateway_after: float = 0.0
    cut_before: float = 0.0
    cut_after: float = 0.0
    hang: float = 0.0
    hang_seconds: float = 30.0
    answer_delay: float = 0.0
    most_per_second: int = 0
    lose: float = 0.0
    repeat: float = 0.0
    late: float = 0.0
    late_seconds: float = 2.0
    shuffle: float = 0.0
    undelivered: float = 0.0
    sent_after: float = 0.05
    delivered_after: float = 0.15
    list_lag: float = 0.0
    no_credit: bool = False
    outage_from: datetime | None = None
    outage_to: datetime | None = None
    outage_by_gateway: bool = False

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """These with ``values`` in place of theirs. Raises BadFault."""
        checked = {name: _checked(name, value) for name, value in values.items()}
        return dataclasses.replace(self, **checked)

    def written(self) -> dict[str, Any]:
        """As JSON holds it; ``changed`` reads it back."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in dataclasses.asdict(self).items()
        }

    def meets(self, fault: str, *what: object) -> bool:
        """Does this fault befall ``what``? The same answer for the same seed and the same things."""
        share: float = getattr(self, fault)
        return share > 0 and drawn(self.seed, fault, *what) < share

    def out(self, now: datetime) -> bool:
        """Is the provider away at ``now``?"""
        if self.outage_from is None and self.outage_to is None:
            return False
        return (self.outage_from is None or self.outage_from <= now) and (self.outage_to is None or now < self.outage_to)


SHARES = frozenset(
    {"throttle", "down", "error_before", "error_after", "cut_before", "cut_after"}
    | {"gateway_before", "gateway_after", "hang", "lose", "repeat", "late", "shuffle", "undelivered"}
)
_KINDS = {field.name: type(field.default) for field in dataclasses.fields(Faults)}


def drawn(*what: object) -> float:
    """A number from 0 to 1 that depends on nothing but ``what``."""
    said = "\x1f".join(str(one) for one in what)
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) / 2**64


def _checked(name: str, value: Any) -> Any:
    if name not in _KINDS:
        raise BadFault(f"there is no fault {name!r}; use some of: {', '.join(sorted(_KINDS))}")
    if name.startswith("outage_") and name != "outage_by_gateway":
        return _moment(name, value)
    if isinstance(value, str):  # as a start option brings it
        value = {"true": True, "false": False}.get(value.lower()) if _KINDS[name] is bool else _number(name, value)
    if _KINDS[name] is bool:
        if not isinstance(value, bool):
            raise BadFault(f"{name} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadFault(f"{name} is a number from 0 on")
    if name in SHARES and value > 1:
        raise BadFault(f"{name} is a share from 0 to 1")
    return int(value) if _KINDS[name] is int else float(value)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadFault(f"{name} is a number") from None


def _moment(name: str, value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadFault(f"{name} is a moment with its offset, such as 2026-03-02T09:00:00+00:00")
    return moment
