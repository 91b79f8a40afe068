"""Twilio, through its own SDK: send an SMS once, look for it after a crash, read its signed webhooks.

Rule 1: Twilio's Messages have no idempotency, so one call of ``send`` is one request: no retry, no redirect.
Rule 2: a request that left and was not answered is InDoubt. Only a refused or never opened connection is TryLater.
Rule 3: the SDK's logger, its exceptions and their causes carry phone numbers; none of them leaves ``twilio_http``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import HMAC_SHA1, RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from activities.channels import twilio_codes
from activities.channels.port import (
    CannotTell,
    DeliveryReport,
    Finding,
    Found,
    Heard,
    InboundSms,
    InDoubt,
    Malformed,
    Misconfigured,
    NotSigned,
    OutgoingSms,
    Receipt,
    TryLater,
    Undeliverable,
    Webhook,
)
from activities.channels.twilio_http import OneRequest, number, told_apart

_LONGEST_VALIDITY = timedelta(hours=10)  # 36,000 s, Twilio's own limit
_CLOCKS_DIFFER = timedelta(minutes=1)
_TAKEN_WITHIN = timedelta(minutes=5)
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_OPT_OUT: dict[str, Literal["", "stop", "start", "help"]] = {"STOP": "stop", "START": "start", "HELP": "help"}
_LOOK_THROUGH = 100  # newest messages to one phone: a patient gets a few a week


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings:
    """How to reach Twilio. Exactly one of ``messaging_service_sid`` and ``from_number`` (E.164) is needed.

    ``callback_url`` is our public status webhook, empty where there is none; each attempt adds ``?attempt=...`` to it.
    ``webhook_secret`` is the shared key for SHA-256 signatures, where one is used; else the auth token signs. ``base_url``
    points elsewhere in tests. Times are seconds. Raises Misconfigured.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    callback_url: str
    messaging_service_sid: str | None = None
    from_number: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    base_url: str = "https://api.twilio.com"
    connect_timeout: float = 5.0
    answer_timeout: float = 15.0

    def __post_init__(self) -> None:
        if not self.account_sid or not self.auth_token:
            raise Misconfigured("set the Twilio account SID and auth token")
        if bool(self.messaging_service_sid) == bool(self.from_number):
            raise Misconfigured("set either a messaging service SID or a from-number, not both")


class TwilioChannel:
    """A ``Channel`` over Twilio's Messages. Close it with ``aclose`` or use it in ``async with``.

    ``now`` is the clock that ``not_after`` is measured against.
    """

    name = "twilio"
    tells_price = True  # when it is asked later, never in a webhook

    def __init__(self, settings: TwilioSettings, *, now: Callable[[], Awaitable[datetime]]) -> None:
        self._settings = settings
        self._now = now
        self._http: OneRequest | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def send(self, sms: OutgoingSms, *, content: Mapping[str, str] | None = None) -> Receipt:
        """Ask Twilio once to text ``sms``; its queue drops the message after ``not_after``.

        ``content``: what names the words in place of the text, as an approved template does.

        Raises Undeliverable, TryLater, InDoubt, Misconfigured.
        """
        given: dict[str, Any] = {"to": sms.to, **(content or {"body": sms.text})}
        if self._settings.callback_url:
            given["status_callback"] = self.callback(sms.attempt)
        if self._settings.messaging_service_sid:
            given["messaging_service_sid"] = self._settings.messaging_service_sid
        else:
            given["from_"] = self._settings.from_number
        if sms.not_after is not None:
            # The moment of the try, where it is known: asking for another would leave it in doubt for longer if we die now.
            left = sms.not_after - (sms.attempted_at or await self._now())
            if left < timedelta(seconds=1):
                raise Undeliverable("too_late")
            given["validity_period"] = int(min(left, _LONGEST_VALIDITY).total_seconds())
        try:
            message = await self._client().messages.create_async(**given)
        except Exception as failure:
            raise told_apart(failure) from None
        status = twilio_codes.status(message.status)
        if status in ("failed", "undelivered"):
            raise Undeliverable(twilio_codes.reason(message.error_code), code=message.error_code)
        if not message.sid:
            raise InDoubt("the provider answered without a message id")
        return _receipt(message)

    async def find(self, sms: OutgoingSms) -> Finding:
        """Look for the attempt among the newest messages to its number.

        Twilio keeps no reference of ours and its list can lag, so absence proves nothing: never NotFound. Found means
        exactly one outbound message with this text, created from one minute before to five after ``attempted_at``.
        Two such, or no ``attempted_at``, is CannotTell; the status callback, which carries the attempt, may settle
        it yet. One doubt remains: another message with the same words to the same phone in that window, alone
        accepted, would be taken for this one. That errs towards one text too few, never towards two.
        Raises Undeliverable where Twilio took it and gave it up since, TryLater, Misconfigured.
        """
        if sms.attempted_at is None:
            return CannotTell("the time of the attempt is not known")
        earliest, latest = sms.attempted_at - _CLOCKS_DIFFER, sms.attempted_at + _TAKEN_WITHIN
        try:
            listed = await self._client().messages.list_async(to=sms.to, limit=_LOOK_THROUGH)
        except Exception as failure:
            error = told_apart(failure)
            # Nothing was sent here, so a doubtful answer to a question is only a question to ask again.
            raise (error if isinstance(error, Misconfigured | TryLater) else TryLater("no answer")) from None
        alike = [
            message
            for message in listed
            if message.to == sms.to
            and message.body == sms.text
            and str(message.direction).startswith("outbound")
            and message.date_created is not None
            and earliest <= _aware(message.date_created) <= latest
        ]
        if len(alike) == 1:
            if twilio_codes.status(alike[0].status) in ("failed", "undelivered"):
                code = number(alike[0].error_code)
                raise Undeliverable(twilio_codes.reason(code), code=code)
            return Found(_receipt(alike[0]))
        if alike:
            return CannotTell(f"{len(alike)} messages with these words went to this number within minutes")
        return CannotTell("no such message is listed, but the list may lag")

    def callback(self, attempt: str) -> str:
        """The status webhook of one attempt."""
        joint = "&" if "?" in self._settings.callback_url else "?"
        return f"{self._settings.callback_url}{joint}{urlencode({'attempt': attempt})}"

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        """A webhook of Twilio's: a form, signed together with the address it was sent to. Raises NotSigned, Malformed."""
        try:
            form = dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            form = {}
        signature = webhook.headers.get("x-twilio-signature", "")
        modern = webhook.headers.get("x-twilio-webhooks-signature-settings")
        if not self.verify(webhook.url, form, signature, signature_settings=modern):
            raise NotSigned("The signature is not the provider's; check CAIRN_PUBLIC_URL and the auth token.")
        try:
            if what == "inbound":
                return Heard((self.parse_inbound(form),), NOTHING_TO_SAY, "text/xml")
            return Heard((self.parse_status({**webhook.query, **form}),))
        except ValueError as refused:
            raise Malformed(str(refused)) from None

    def verify(self, url: str, params: Mapping[str, str], signature: str, *, signature_settings: str | None = None) -> bool:
        """Did Twilio sign this webhook?

        ``url`` is the public address as Twilio called it (scheme and query included: behind a proxy, rebuild it),
        ``params`` the posted form only, ``signature`` the X-Twilio-Signature header and ``signature_settings`` the
        X-Twilio-Webhooks-Signature-Settings header, which announces SHA-256. Anything odd is False.
        """
        algorithm = get_signature_algorithm(signature_settings)
        modern = algorithm.upper() != HMAC_SHA1
        secret = self._settings.webhook_secret if modern else self._settings.auth_token
        if not secret or not signature:
            return False
        try:
            return bool(RequestValidator(secret).validate(url, dict(params), signature, algorithm))
        except ValueError:  # a URL that cannot be taken apart
            return False

    def parse_status(self, params: Mapping[str, str]) -> DeliveryReport:
        """Read a status webhook: the posted form together with the URL's query, which has ``attempt``.

        Raises ValueError when it names no message.
        """
        sid = params.get("MessageSid") or params.get("SmsSid")
        if not sid:
            raise ValueError("a status webhook without MessageSid: answer 400 and check what called it")
        status = twilio_codes.status(params.get("MessageStatus") or params.get("SmsStatus"))
        code = number(params.get("ErrorCode"))
        final = status in ("failed", "undelivered")
        return DeliveryReport(
            attempt=params.get("attempt") or None,
            provider_id=sid,
            status=status,
            reason=twilio_codes.reason(code) if final else None,
            code=code,
            segments=number(params.get("NumSegments")) or None,
            cost=_cost(params.get("Price")),
            currency=(params.get("PriceUnit") or "").upper()[:3] if params.get("Price") else "",
            fault=twilio_codes.fault(code) if final else None,
        )

    def parse_inbound(self, params: Mapping[str, str]) -> InboundSms:
        """Read the webhook of an SMS to us. Raises ValueError, naming the field, when one is missing."""
        for name in ("MessageSid", "From", "To"):
            if not params.get(name):
                raise ValueError(f"an inbound webhook without {name}: answer 400 and check what called it")
        said = _OPT_OUT.get(params.get("OptOutType", "").upper(), "")
        return InboundSms(params["MessageSid"], params["From"], params["To"], params.get("Body", ""), said)

    def _client(self) -> Client:
        # Made on first use: aiohttp wants a running loop.
        if self._http is None:
            self._http = OneRequest(self._settings.connect_timeout, self._settings.answer_timeout)
        client = Client(self._settings.account_sid, self._settings.auth_token, http_client=self._http)
        client.api.base_url = self._settings.base_url
        return client


def _receipt(message: Any) -> Receipt:
    # A messaging service counts later and says 0 at first; the price is known when it was delivered.
    cost = _cost(message.price)
    unit = str(message.price_unit or "").upper()[:3] if cost is not None else ""
    return Receipt(message.sid, twilio_codes.status(message.status), number(message.num_segments) or None, cost, unit)


def _cost(price: object) -> int | None:
    """Millionths of the currency: Twilio says what it takes from the account, "-0.00750"."""
    try:
        cost = Decimal(str(price)) if price is not None else None
    except InvalidOperation:
        return None
    return abs(int(cost * 1_000_000)) if cost is not None and cost.is_finite() and abs(cost) < 1_000_000 else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
