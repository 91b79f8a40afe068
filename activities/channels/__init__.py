"""Ways to reach a phone: ``port`` says what a channel is, the other modules are channels."""

from activities.channels.port import (
    CannotTell,
    Channel,
    ChannelError,
    DeliveryReport,
    Finding,
    Found,
    InboundSms,
    InDoubt,
    Misconfigured,
    NotFound,
    OutgoingSms,
    Reason,
    Receipt,
    Status,
    TryLater,
    Undeliverable,
)

__all__ = [
    "CannotTell",
    "Channel",
    "ChannelError",
    "DeliveryReport",
    "Finding",
    "Found",
    "InDoubt",
    "InboundSms",
    "Misconfigured",
    "NotFound",
    "OutgoingSms",
    "Reason",
    "Receipt",
    "Status",
    "TryLater",
    "Undeliverable",
]
