"""How a push proves to be ours: an HMAC over the moment and the body, by each secret that holds."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

SIGNATURE = "Cairn-Signature"
DELIVERY = "Cairn-Delivery"


def signature(secrets: Iterable[str], body: bytes, *, at: datetime) -> str:
    """``t=SECONDS,v1=HEX``, one ``v1`` for each secret: HMAC-SHA256 over the seconds since 1970, a point, and the body."""
    seconds = int(at.timestamp())
    signed = (hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={seconds}", *(f"v1={one}" for one in signed)])
