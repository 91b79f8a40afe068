"""What Twilio's answers look like: messages, pages of them, and refusals.

Source: Twilio's OpenAPI document, ``api.v2010.account.message``; the codes from its error dictionary.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

VERSION = "2010-04-01"


class Refusal(Exception):
    """A request that is refused, in Twilio's words."""

    def __init__(self, status: int, code: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    @property
    def body(self) -> dict[str, Any]:
        """As Twilio writes it."""
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more, "status": self.status}


@dataclass(frozen=True, slots=True)
class Sms:
    """A message as it is stored. Moments are UTC; ``price`` in US dollars, negative, as Twilio bills.

    ``lot``: the how-manyth message with these words to this phone it was asked for as; chance is drawn with it.
    """

    n: int
    sid: str
    direction: str
    from_: str
    to: str
    body: str
    status: str
    error_code: int | None
    service: str
    segments: int
    media: int
    created: datetime
    updated: datetime
    sent: datetime | None
    price: str | None
    callback: str
    redacted: bool
    lot: int


ERROR_MESSAGES: Mapping[int, str] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
    63016: "Failed to send freeform message because you are outside the allowed window",
}


def message(sms: Sms, account: str) -> dict[str, Any]:
    """The Message resource."""
    uri = f"/{VERSION}/Accounts/{account}/Messages/{sms.sid}.json"
    waits = sms.status in ("accepted", "scheduled") and sms.service  # no sender is chosen yet, so nothing is counted
    return {
        "account_sid": account,
        "api_version": VERSION,
        "body": "" if sms.redacted else sms.body,
        "date_created": rfc2822(sms.created),
        "date_sent": rfc2822(sms.sent),
        "date_updated": rfc2822(sms.updated),
        "direction": sms.direction,
        "error_code": sms.error_code,
        "error_message": ERROR_MESSAGES.get(sms.error_code) if sms.error_code else None,
        "from": sms.from_ or None,
        "messaging_service_sid": sms.service or None,
        "num_media": str(sms.media),
        "num_segments": "0" if waits else str(sms.segments),
        "price": sms.price,
        "price_unit": "USD",
        "sid": sms.sid,
        "status": sms.status,
        "subresource_uris": {"media": uri.removesuffix(".json") + "/Media.json"},
        "to": sms.to,
        "uri": uri,
    }


def page(account: str, query: Mapping[str, str], found: Sequence[Sms], *, size: int, more: bool) -> dict[str, Any]:
    """A page of the list; ``more``: another follows."""
    base, number = f"/{VERSION}/Accounts/{account}/Messages.json", int(query.get("Page", "0"))
    filters = {name: value for name, value in query.items() if name not in ("Page", "PageSize", "PageToken")}

    def uri(page: int, **further: str) -> str:
        return f"{base}?{urlencode({**filters, 'PageSize': size, 'Page': page, **further})}"

    return {
        "messages": [message(sms, account) for sms in found],
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, PageToken=f"PA{found[-1].sid}") if more else None,
        "previous_page_uri": uri(number - 1) if number else None,
        "uri": uri(number, **({"PageToken": query["PageToken"]} if "PageToken" in query else {})),
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": max(number * size, number * size + len(found) - 1),
    }


def rfc2822(moment: datetime | None) -> str | None:
    """``Mon, 02 Mar 2026 09:00:00 +0000``."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0)) if moment else None


def fresh_sid(prefix: str) -> str:
    """Two letters and 32 hexadecimal digits that nobody can guess."""
    return prefix + secrets.token_hex(16)


def sid_of(prefix: str, name: str) -> str:
    """The same id for the same name."""
    return prefix + hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
