"""How our own channels are opened with their options: what the entry points of ``cairn.channels`` name.

Each is imported when it is opened, so that an installation loads no provider's SDK that it does not use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from activities.channels.port import Channel, Misconfigured, Opening
from activities.channels.sandbox import SandboxChannel

if TYPE_CHECKING:
    from activities.channels.twilio import TwilioSettings


def sandbox(opening: Opening) -> Channel:
    """Phones in a file of the installation's folder."""
    return SandboxChannel(opening.home / "sandbox-provider.db", now=opening.now)


def twilio(opening: Opening) -> Channel:
    """Options: account_sid, auth_token, from (a number or a messaging service), base_url, webhook_secret. Raises Misconfigured."""
    from activities.channels.twilio import TwilioChannel

    return TwilioChannel(_of_twilio(opening, "TWILIO_FROM"), now=opening.now)


def whatsapp(opening: Opening) -> Channel:
    """Options: as for ``twilio``, and templates (the file of the approved ones). Raises Misconfigured."""
    from activities.channels.whatsapp import WhatsAppChannel, templates_file

    templates = templates_file(Path(needed(opening, "templates", "CAIRN_WHATSAPP_TEMPLATES")))
    return WhatsAppChannel(_of_twilio(opening, "CAIRN_WHATSAPP_FROM"), templates, now=opening.now, name=opening.name)


def _of_twilio(opening: Opening, from_: str) -> TwilioSettings:
    from activities.channels.twilio import TwilioSettings

    sender = needed(opening, "from", from_)
    service = sender if sender.startswith("MG") else None
    return TwilioSettings(
        account_sid=needed(opening, "account_sid", "TWILIO_ACCOUNT_SID"),
        auth_token=needed(opening, "auth_token", "TWILIO_AUTH_TOKEN"),
        messaging_service_sid=service,
        from_number=None if service else sender,
        webhook_secret=opening.options.get("webhook_secret") or None,
        callback_url=f"{opening.public_url}/api/v1/hooks/{opening.name}/status" if opening.public_url else "",
        base_url=opening.options.get("base_url") or "https://api.twilio.com",
    )


def gateway(opening: Opening) -> Channel:
    """Options: config (the file that describes it), and what its ``${...}`` stand for. Raises Misconfigured."""
    from activities.channels.gateway import GatewayChannel
    from activities.channels.gateway_check import gateway_file

    options = {name: value for name, value in opening.options.items() if name != "config"}
    file = gateway_file(Path(needed(opening, "config", "CAIRN_GATEWAY_CONFIG")), options)
    return GatewayChannel(opening.name, file, options, now=opening.now)


def needed(opening: Opening, option: str, setting: str) -> str:
    """The option's value. Raises Misconfigured with the ``setting`` that gives it."""
    value = opening.options.get(option, "")
    if not value:
        raise Misconfigured(f"the channel {opening.name!r} needs {setting}")
    return value
