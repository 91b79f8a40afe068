"""What Twilio's error codes mean for a patient's message: a table, and a safe default.

Law: a code that is not here is a refusal for good that a person sees, never a blind second send.
Source: Twilio's error and warning dictionary (https://www.twilio.com/docs/api/errors).
"""

from datetime import timedelta

from activities.channels.port import ChannelError, Fault, InDoubt, Misconfigured, Reason, Status, TryLater, Undeliverable

REASONS: dict[int, Reason] = {
    21610: "opted_out",
    21211: "no_such_number",  # invalid To
    21214: "no_such_number",  # To cannot be reached
    21217: "no_such_number",  # does not appear to be valid
    21265: "no_such_number",  # To is a short code
    30005: "no_such_number",  # unknown destination handset
    21614: "landline",  # not a mobile number
    21635: "landline",
    30006: "landline",  # landline or unreachable carrier
    30011: "unreachable",  # the phone or its region does not take this kind of message
    21612: "unreachable",  # no route from the sender to this number
    30003: "unreachable",  # handset off, out of coverage or barred
    30008: "unreachable",  # unknown error at the carrier
    30017: "unreachable",  # the carrier's network is congested
    30410: "unreachable",  # the carrier did not answer in time
    63003: "unreachable",  # nobody has WhatsApp or the like at this number
    63024: "unreachable",  # the channel does not know this number
    30004: "filtered",  # blocked on the way to this number
    30007: "filtered",  # taken for spam by Twilio or the carrier
    30018: "refused",  # the destination carrier wants a registered sender
    30019: "refused",  # longer than the carrier takes
    30032: "filtered",  # a toll-free sender that is not verified
    30453: "refused",  # the carrier does not carry it to this number
    21617: "refused",  # longer than 1,600 characters
    21619: "refused",  # no text
    63016: "no_template",  # outside the 24 hours in which free wording goes
    63005: "no_template",  # the channel does not take this content
    63013: "filtered",  # the channel's policy
    63027: "no_template",  # no such template in this language
    63028: "no_template",  # the template wants other values
    63036: "no_such_number",  # not of this channel
    63051: "filtered",  # the channel holds back marketing to this person
    30036: "too_late",  # the validity period ran out in the queue
    63040: "no_template",  # WhatsApp refused the template
    63041: "no_template",  # and paused it
    63042: "no_template",  # and switched it off
    21655: "no_template",  # no such content
    21656: "no_template",  # its variables cannot be read
    63049: "filtered",  # WhatsApp chose not to deliver it
}

THROTTLED = frozenset({14107, 20429, 21611, 30001, 30022, 30023, 30027, 63017, 63018, 63032, 63038})
"""Rates, full queues and daily limits: not taken, so the same message may go later."""

THEIR_FAULT = frozenset({20500, 20503, 30009, 63012, 63021})
"""Their own troubles, told with a code."""

NO_CREDIT = frozenset({20005, 21237, 30002, 30010})
"""The account is empty, or suspended for it: nothing goes before it is filled up."""

REMEDIES: dict[int, str] = {
    20003: "check the Twilio account SID and auth token",
    20005: "the Twilio account is not active: fill it up, see its console",
    20008: "test credentials cannot do this: use the live ones",
    20404: "Twilio does not know this account or messaging service: check their SIDs",
    21212: "the from-number is not valid: use a Twilio number in E.164 form",
    21219: "a trial account texts verified numbers only: upgrade the Twilio account",
    21408: "allow this country in Twilio's messaging geographic permissions",
    21603: "set a messaging service or a from-number",
    21606: "the from-number cannot send SMS: use a number with SMS, or a messaging service",
    21608: "a trial account texts verified numbers only: upgrade the Twilio account",
    21609: "the status callback is not a valid public address: set CAIRN_PUBLIC_URL to where the provider reaches us",
    21659: "the from-number is not a Twilio number: buy it or choose another",
    21660: "the from-number belongs to another Twilio account",
    21701: "the messaging service does not exist: check its SID",
    21703: "the messaging service has no sender: add a number to it",
    21704: "the messaging service has no sender: add a number to it",
    21237: "the Twilio account is empty: fill it up",
    30002: "the Twilio account was suspended: fill it up, see its console",
    30010: "the message costs more than the highest price that is set: raise it",
    63001: "the WhatsApp sender is not connected: see Twilio's console",
    30034: "register the number for US application messaging (A2P 10DLC)",
    63007: "there is no such sender on this channel: check the from-address",
    63019: "the channel's sender is not allowed to send media: see its console",
    63020: "accept the invitation of the business account in its console",
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


def fault(code: int | None) -> Fault | None:
    """Whose doing it is that a message was lost, where it is not the number's: others will be lost as well."""
    if code in NO_CREDIT:
        return "no_credit"
    if code in THROTTLED:
        return "throttled"
    if code in REMEDIES:
        return "our_fault"
    return "their_fault" if code in THEIR_FAULT else None


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
        return Misconfigured(REMEDIES[code], code=code, fault="no_credit" if code in NO_CREDIT else "our_fault")
    if http_status == 402:
        return Misconfigured(REMEDIES[21237], code=code, fault="no_credit")
    if http_status in (401, 403):
        return Misconfigured(REMEDIES[20003], code=code)
    if http_status == 404:
        return Misconfigured("Twilio has no such address: check the account SID and base_url", code=code)
    if http_status == 503 and code is not None:
        return TryLater("the provider is down", after=after)
    if http_status >= 500:
        return InDoubt(f"the provider answered {http_status}")
    return Undeliverable("refused", code=code)
