"""The forms that webhooks carry, and the words that Twilio itself understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from xml.etree import ElementTree

from workers.twilio_fake.shapes import VERSION, Sms

Opting = Literal["STOP", "START", "HELP"]
_WORDS: Mapping[str, Opting] = {
    **dict.fromkeys(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"], "STOP"),
    **dict.fromkeys(["START", "YES", "UNSTOP"], "START"),
    **dict.fromkeys(["HELP", "INFO"], "HELP"),
}
#: What Twilio texts back by itself.
OPTED: Mapping[Opting, str] = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def opting(text: str) -> Opting | None:
    """What a whole text that is one of Twilio's words does."""
    return _WORDS.get(text.strip().upper())


def status(sms: Sms, account: str) -> dict[str, str]:
    """The form of a status callback."""
    form = {
        "AccountSid": account,
        "ApiVersion": VERSION,
        "From": sms.from_,
        "MessageSid": sms.sid,
        "MessageStatus": sms.status,
        "SmsSid": sms.sid,
        "SmsStatus": sms.status,
        "To": sms.to,
    }
    if sms.service:
        form["MessagingServiceSid"] = sms.service
    if sms.error_code is not None:
        form["ErrorCode"] = str(sms.error_code)
    if sms.status == "delivered":
        form["RawDlrDoneDate"] = sms.updated.strftime("%y%m%d%H%M")
    return form


def inbound(sms: Sms, account: str, opted: Opting | None) -> dict[str, str]:
    """The form that tells of a text of a phone. Where it came from on the map is not known, and sent empty as Twilio does."""
    form = {
        "AccountSid": account,
        "ApiVersion": VERSION,
        "Body": sms.body,
        "From": sms.from_,
        "MessageSid": sms.sid,
        "NumMedia": str(sms.media),
        "NumSegments": str(sms.segments),
        "SmsMessageSid": sms.sid,
        "SmsSid": sms.sid,
        "SmsStatus": "received",
        "To": sms.to,
    }
    if sms.from_.startswith("whatsapp:"):
        form |= {"ProfileName": "", "WaId": sms.from_.removeprefix("whatsapp:+")}
    else:
        form |= {f"{end}{part}": "" for end in ("From", "To") for part in ("City", "Country", "State", "Zip")}
    if sms.service:
        form["MessagingServiceSid"] = sms.service
    if opted is not None:
        form["OptOutType"] = opted
    return form


def replies(text: str) -> list[str]:
    """The texts of the ``Message`` (or older ``Sms``) verbs of an answer; none where it is no TwiML."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return []
    verbs = [verb for verb in root if verb.tag in ("Message", "Sms")] if root.tag == "Response" else []
    return [said for verb in verbs if (said := (verb.findtext("Body") or verb.text or "").strip())]
