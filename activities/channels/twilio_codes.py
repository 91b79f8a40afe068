"""What Twilio's error codes mean for a patient's message: a table, and a safe default.

Law: a code that is not here is a refusal for good that a person sees, never a blind second send.
Source: Twilio's error and warning dictionary (https://www.twilio.com/docs/api/errors).
"""

from datetime import timedelta

from activities.channels.port import ChannelError, InDoubt, Misconfigured, Reason, Status, TryLater, Undeliverable

REASONS: dict[int, Reason] = {
    21610: "opted_out",
    21211: "no_such_number",  # invalid To
    21214: "no_such_number",  # To cannot be reached
    21217: "no_such_number",  # does not appear to be valid
    30005: "no_such_number",  # unknown destination handset
    21614: "landline",  # not a mobile number
    21635: "landline",
    30006: "landline",  # landline or unreachable carrier
    21612: "unreachable",  # no route from the sender to this number
    30003: "unreachable",  # handset off, out of coverage or barred
    30008: "unreachable",  # unknown error at the carrier
    30004: "filtered",  # blocked on the way to this number
    30007: "filtered",  # taken for spam by Twilio or the carrier
    30036: "too_late",  # the validity period ran out in the queue
}

THROTTLED = frozenset({14107, 20429, 21611, 30001, 30022, 63038})
"""Rates, full queues and daily limits: not taken, so the same message may go later."""

REMEDIES: dict[int, str] = {
    20003: "check the Twilio account SID and auth token",
    20005: "the Twilio account is not active: see its console",
    20008: "test credentials cannot do this: use the live ones",
    20404: "Twilio does not know this account or messaging service: check their SIDs",
    21212: "the from-number is not valid: use a Twilio number in E.164 form",
    21219: "a trial account texts verified numbers only: upgrade the Twilio account",
    21408: "allow this country in Twilio's messaging geographic permissions",
    21603: "set a messaging service or a from-number",
    21606: "the from-number cannot send SMS: use a number with SMS, or a messaging service",
    21608: "a trial account texts verified numbers only: upgrade the Twilio account",
    21609: "the status callback is not a valid public URL: set callback_url",
    21659: "the from-number is not a Twilio number: buy it or choose another",
    21660: "the from-number belongs to another Twilio account",
    21701: "the messaging service does not exist: check its SID",
    21703: "the messaging service has no sender: add a number to it",
    21704: "the messaging service has no sender: add a number to it",
    30002: "the Twilio account was suspended: see its console",
    30034: "register the number for US application messaging (A2P 10DLC)",
}

_STATUSES: dict[str, Status] = {
    "accepted": "accepted",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}


def status(word: str | None) -> Status:
    """Our word for Twilio's message status. One that Twilio adds later says no more than that it has the message."""
    return _STATUSES.get((word or "").lower(), "accepted")


def reason(code: int | None) -> Reason:
    """Why a message that Twilio gave up did not arrive; ``refused`` when the code is missing or unknown."""
    return REASONS.get(code, "refused") if code is not None else "refused"


def error(http_status: int, code: int | None, *, after: timedelta | None = None) -> ChannelError:
    """The error for a refused request. ``code`` is Twilio's, None when the answer was not one of Twilio's own.

    A 5xx says nothing about whether the message was stored first, so it is InDoubt; only a 503 that Twilio itself
    signed with a code states that the request was not handled.
    """
    if code in REASONS:
        return Undeliverable(REASONS[code], code=code)
    if code in THROTTLED or http_status == 429:
        return TryLater("throttled", after=after)
    if code in REMEDIES:
        return Misconfigured(REMEDIES[code], code=code)
    if http_status in (401, 403):
        return Misconfigured(REMEDIES[20003], code=code)
    if http_status == 404:
        return Misconfigured("Twilio has no such address: check the account SID and base_url", code=code)
    if http_status == 503 and code is not None:
        return TryLater("the provider is down", after=after)
    if http_status >= 500:
        return InDoubt(f"the provider answered {http_status}")
    return Undeliverable("refused", code=code)
