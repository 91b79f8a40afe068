"""Settings of one installation, by environment and file; the defaults are the embedded stack in a folder of its own.

Rule: what is wrong is said before anything starts. Each setting by itself is checked by ``workers.declared``; here they are
checked against each other.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from api.rights import ROLES
from pathways.shipped import CO_MANAGED, pathway_names
from workers.channels import options_of, order_of
from workers.declared import FLAGS, BadSetting, InForce, in_force

__all__ = ["BadSetting", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """``home``: the folder of the embedded stack. ``temporal_address`` empty: the embedded server is started.

    ``metrics_port`` 0: none are served. ``otlp_endpoint`` empty: nothing is traced. ``channels``: the network's order;
    ``channel_options``: what each is opened with.
    """

    home: Path
    database_url: str = field(repr=False)
    temporal_address: str
    namespace: str
    temporal_port: int
    api_host: str
    api_port: int
    master_key: str = field(repr=False)
    channels: tuple[str, ...]
    channel_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    public_url: str = ""
    trust_forwarded: bool = False
    sms_per_second: float = 0.0
    temporal_tls: bool = False
    temporal_tls_ca: str = ""
    temporal_tls_cert: str = ""
    temporal_tls_key: str = ""
    temporal_api_key: str = field(default="", repr=False)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    otlp_endpoint: str = ""
    log_format: str = "json"
    log_level: str = "info"
    four_eyes: bool = True
    co_managed: tuple[str, ...] = CO_MANAGED
    webhook_hosts: tuple[str, ...] = ()
    cds_origins: tuple[str, ...] = ()
    alert_webhook: str = ""
    alert_secret: str = field(default="", repr=False)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_name: str = ""
    oidc_link_by_email: bool = False
    second_factor: tuple[str, ...] = ()
    idle_minutes: int = 60

    @property
    def key_hosts(self) -> tuple[str, ...]:
        """Hosts inside our own network, or without TLS, that keys may be fetched from: the operator's own issuer is one."""
        host = urlsplit(self.oidc_issuer).hostname
        return self.webhook_hosts if host is None else (*self.webhook_hosts, host)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, *, home: str = "") -> Settings:
        """From ``CAIRN_*`` variables and the file that CAIRN_CONFIG names; ``home``: where the installation lives when
        nothing says. Raises BadSetting.
        """
        given = os.environ if environment is None else environment
        return _checked(cls._of(in_force(given), given, home))

    @classmethod
    def _of(cls, found: Mapping[str, InForce], environment: Mapping[str, str], default_home: str) -> Settings:
        def text(name: str) -> str:
            return found[name].value

        unset = found["CAIRN_HOME"].origin == "default"
        channels = order_of(found)
        home = Path(default_home if unset and default_home else text("CAIRN_HOME")).resolve()
        return cls(
            home=home,
            database_url=text("CAIRN_DATABASE_URL") or f"sqlite+aiosqlite:///{home / 'cairn.db'}",
            temporal_address=text("CAIRN_TEMPORAL_ADDRESS"),
            namespace=text("CAIRN_TEMPORAL_NAMESPACE"),
            temporal_port=int(text("CAIRN_TEMPORAL_PORT")),
            api_host=text("CAIRN_API_HOST"),
            api_port=int(text("CAIRN_API_PORT")),
            master_key=text("CAIRN_MASTER_KEY"),
            channels=channels,
            channel_options=options_of(found, channels, environment),
            public_url=text("CAIRN_PUBLIC_URL").rstrip("/"),
            trust_forwarded=FLAGS[text("CAIRN_TRUST_FORWARDED").lower()],
            sms_per_second=float(text("CAIRN_SMS_PER_SECOND")),
            temporal_tls=FLAGS[text("CAIRN_TEMPORAL_TLS").lower()],
            temporal_tls_ca=text("CAIRN_TEMPORAL_TLS_CA"),
            temporal_tls_cert=text("CAIRN_TEMPORAL_TLS_CERT"),
            temporal_tls_key=text("CAIRN_TEMPORAL_TLS_KEY"),
            temporal_api_key=text("CAIRN_TEMPORAL_API_KEY"),
            metrics_host=text("CAIRN_METRICS_HOST"),
            metrics_port=int(text("CAIRN_METRICS_PORT")),
            otlp_endpoint=text("CAIRN_OTLP_ENDPOINT"),
            log_format=text("CAIRN_LOG_FORMAT"),
            log_level=text("CAIRN_LOG_LEVEL"),
            four_eyes=FLAGS[text("CAIRN_FOUR_EYES").lower()],
            co_managed=_co_managed(text("CAIRN_CO_MANAGED")),
            webhook_hosts=tuple(one.strip().lower() for one in text("CAIRN_WEBHOOK_HOSTS").split(",") if one.strip()),
            cds_origins=_origins(text("CAIRN_CDS_ORIGINS")),
            alert_webhook=text("CAIRN_ALERT_WEBHOOK"),
            alert_secret=text("CAIRN_ALERT_SECRET"),
            oidc_issuer=text("CAIRN_OIDC_ISSUER"),
            oidc_client_id=text("CAIRN_OIDC_CLIENT_ID"),
            oidc_client_secret=text("CAIRN_OIDC_CLIENT_SECRET"),
            oidc_name=text("CAIRN_OIDC_NAME"),
            oidc_link_by_email=FLAGS[text("CAIRN_OIDC_LINK_BY_EMAIL").lower()],
            second_factor=_second_factor(text("CAIRN_SECOND_FACTOR")),
            idle_minutes=_idle(text("CAIRN_IDLE_MINUTES")),
        )


def _origins(written: str) -> tuple[str, ...]:
    """Origins as browsers send them. Raises BadSetting."""
    found = tuple(one.strip().rstrip("/").lower() for one in written.split(",") if one.strip())
    for one in found:
        if re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?", one) is None:
            raise BadSetting(f"CAIRN_CDS_ORIGINS names {one!r}, which is no origin; use addresses such as https://ehr.example")
    return found


def _second_factor(written: str) -> tuple[str, ...]:
    """Roles that work only with a second factor. Raises BadSetting."""
    names = tuple(dict.fromkeys(name.strip() for name in written.split(",") if name.strip()))
    for name in names:
        if name not in ROLES:
            raise BadSetting(f"CAIRN_SECOND_FACTOR names {name!r}, which is no role; use some of: {', '.join(ROLES)}")
    return names


def _idle(written: str) -> int:
    """Minutes. Raises BadSetting."""
    if not (written.isascii() and written.isdigit() and 5 <= int(written) <= 720):
        raise BadSetting(f"CAIRN_IDLE_MINUTES is {written!r}; use a whole number of minutes from 5 to 720")
    return int(written)


def _co_managed(written: str) -> tuple[str, ...]:
    """The pathways to be followed, each once. Raises BadSetting for one that is not shipped."""
    names, known = [name.strip() for name in written.split(",") if name.strip()], pathway_names()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"use some of: {', '.join(known)}"
            raise BadSetting(f"CAIRN_CO_MANAGED names {name!r}, which is no shipped pathway; {remedy}")
    if not names:
        raise BadSetting(f"CAIRN_CO_MANAGED names no pathway; use some of: {', '.join(known)}")
    return tuple(dict.fromkeys(names))


def _checked(settings: Settings) -> Settings:
    """Raises BadSetting where two settings do not go together."""
    if not settings.database_url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
        raise BadSetting("CAIRN_DATABASE_URL must begin with sqlite+aiosqlite:/// or postgresql+asyncpg://")
    address = settings.temporal_address
    host, colon, port = address.rpartition(":")
    if address and not (host and colon and port.isdigit()):
        raise BadSetting(f"CAIRN_TEMPORAL_ADDRESS is {address!r}; use host:port, such as temporal:7233")
    if bool(settings.temporal_tls_cert) != bool(settings.temporal_tls_key):
        raise BadSetting("CAIRN_TEMPORAL_TLS_CERT and CAIRN_TEMPORAL_TLS_KEY go together; set both, or neither for TLS alone")
    if settings.temporal_tls_cert and settings.temporal_api_key:
        raise BadSetting("CAIRN_TEMPORAL_API_KEY and CAIRN_TEMPORAL_TLS_CERT are both set; Temporal takes one of them")
    if not address and (settings.temporal_api_key or settings.temporal_tls_cert or settings.temporal_tls):
        raise BadSetting("CAIRN_TEMPORAL_TLS and API keys are for a cluster; set CAIRN_TEMPORAL_ADDRESS to its host:port")
    if settings.oidc_issuer and not _names_an_issuer(settings.oidc_issuer):
        raise BadSetting(f"CAIRN_OIDC_ISSUER is {settings.oidc_issuer!r}; use the provider's address, such as https://id.example")
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise BadSetting("CAIRN_OIDC_ISSUER and CAIRN_OIDC_CLIENT_ID go together; set both, or neither for local accounts alone")
    for name, url in (
        ("CAIRN_PUBLIC_URL", settings.public_url),
        ("CAIRN_OTLP_ENDPOINT", settings.otlp_endpoint),
        ("CAIRN_ALERT_WEBHOOK", settings.alert_webhook),
    ):
        if url and not url.startswith(("http://", "https://")):
            raise BadSetting(f"{name} is {url!r}; use an address that begins with https:// or http://")
    return settings


def _names_an_issuer(url: str) -> bool:
    """Whether it is an address of an OpenID provider: with TLS, but for one on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    loopback = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and not parts.query and not parts.fragment and (parts.scheme == "https" or loopback)
