"""Outside services whose advice a pathway's step may ask."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.models.base import Model, example

_SERVICE = {
    "network": "network",
    "name": "risk_model",
    "url": "https://advice.example/cds-services/risk",
    "timeout_ms": 3000,
    "enabled": True,
}
Address = Annotated[str, Field(min_length=8, max_length=500, pattern=r"^[!-~]+$")]
Timeout = Annotated[int, Field(ge=100, le=10_000)]
Token = Annotated[str, Field(max_length=2000, pattern=r"^[!-~]*$")]


class AdviceIn(
    Model, json_schema_extra=example(network="network", name="risk_model", url=_SERVICE["url"], timeout_ms=3000, token="...")
):
    """A new service. ``name``: as pathways name it (``ask: {service: risk_model}``); ``token``: sent as Bearer, shown to nobody."""

    network: Annotated[str, Field(max_length=40)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    url: Address
    timeout_ms: Timeout = 3000
    token: Token = ""


class AdviceChange(Model, json_schema_extra=example(url=_SERVICE["url"], timeout_ms=3000, enabled=True)):
    """Everything that can be changed. ``token``: only where it is to be another; empty for none."""

    url: Address
    timeout_ms: Timeout = 3000
    enabled: bool = True
    token: Token | None = None


class AdviceOut(Model, json_schema_extra=example(id="4be1a7c0ffee0001", **_SERVICE, signs_in=True, version=1)):
    """A service as it is registered. ``signs_in``: whether it has a token."""

    id: str
    network: str
    name: str
    url: str
    timeout_ms: int
    enabled: bool
    signs_in: bool
    version: int


class AdvicePage(Model, json_schema_extra=example(items=[{"id": "4be1a7c0ffee0001", **_SERVICE, "signs_in": True, "version": 1}])):
    """Services by network and name."""

    items: list[AdviceOut]
