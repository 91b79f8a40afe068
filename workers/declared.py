"""Every setting of an installation, declared once: its name, what it holds, and how a value of it is found and checked.

Rule 1: the environment wins over the file that CAIRN_CONFIG names; what neither sets has its default. An empty value is none.
Rule 2: a value that cannot be used, and a name that nobody knows, are refused in one sentence that says what would be right.
Rule 3: a secret may lie in a file (``NAME_FILE``), and is never shown.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["text", "port", "flag", "folder", "file", "choice", "rate"]
FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
CONFIG = "CAIRN_CONFIG"
#: Set for the tests alone; an installation is not refused because of them.
OF_THE_TESTS = frozenset({"CAIRN_SYNTHEA", "CAIRN_CLINICAL_CASES"})
PASSWORD = re.compile(r"(?<=:)[^:/@]+(?=@)")


class BadSetting(ValueError):
    """A setting cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``shown``: how documentation tells the default; ``choices``: the words it may be, for a choice."""

    name: str
    what: str
    kind: Kind = "text"
    default: str = ""
    shown: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the file: ``database_url`` for CAIRN_DATABASE_URL."""
        return self.name.removeprefix("CAIRN_").lower()

    @property
    def told_default(self) -> str:
        """The default as a person reads it."""
        return self.shown or self.default or "none"

    def right(self) -> str:
        """What would be right."""
        match self.kind:
            case "port":
                return "use a port number from 1 to 65535" + (", or 0 for none" if self.default == "0" else "")
            case "flag":
                return "use true or false"
            case "choice":
                return f"use {', '.join(self.choices[:-1])} or {self.choices[-1]}"
            case "file":
                return "use the path of a file that can be read"
            case "rate":
                return "use a number such as 10 or 0.5, or 0 for no limit"
            case _:
                return "use a text"

    def check(self, text: str, said: str) -> None:
        """Raises BadSetting; ``said`` is how the value is named where it was found."""
        match self.kind:
            case "port":
                least = 0 if self.default == "0" else 1
                good = text.isascii() and text.isdigit() and least <= int(text) <= 65535
            case "flag":
                good = text.lower() in FLAGS
            case "choice":
                good = text in self.choices
            case "file":
                good = Path(text).is_file()
            case "rate":
                good = re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII) is not None
            case _:
                good = True
        if not good:
            raise BadSetting(f"{said} is {text!r}; {self.right()}")


SETTINGS = (
    Setting("CAIRN_HOME", "folder of the embedded stack: database, Temporal's file, keys, logs", "folder", "data"),
    Setting(
        "CAIRN_DATABASE_URL",
        "`sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://USER:PASSWORD@HOST/NAME`",
        shown="SQLite in `CAIRN_HOME`",
        secret=True,
    ),
    Setting(
        "CAIRN_MASTER_KEY",
        "32 bytes in base64; `cairn keys master` prints a fresh one",
        shown="a file in `CAIRN_HOME`",
        secret=True,
    ),
    Setting(
        "CAIRN_TEMPORAL_ADDRESS", "`host:port` of a Temporal cluster or Temporal Cloud", shown="none: an embedded server is started"
    ),
    Setting("CAIRN_TEMPORAL_NAMESPACE", "namespace; in Temporal Cloud `NAME.ACCOUNT`", default="default"),
    Setting("CAIRN_TEMPORAL_PORT", "port of the embedded server", "port", "7243"),
    Setting("CAIRN_TEMPORAL_TLS", "speak TLS to Temporal; a certificate or an API key implies it", "flag", "false"),
    Setting(
        "CAIRN_TEMPORAL_TLS_CA", "file of the authority that signed the cluster's certificate (PEM)", "file", shown="the system's"
    ),
    Setting("CAIRN_TEMPORAL_TLS_CERT", "file of our client certificate for mTLS (PEM)", "file"),
    Setting("CAIRN_TEMPORAL_TLS_KEY", "file of that certificate's private key (PEM)", "file"),
    Setting("CAIRN_TEMPORAL_API_KEY", "API key of Temporal Cloud, instead of a certificate", secret=True),
    Setting("CAIRN_API_HOST", "where the API listens", default="127.0.0.1"),
    Setting("CAIRN_API_PORT", "its port", "port", "8733"),
    Setting("CAIRN_PUBLIC_URL", "our address as Twilio and other callers reach it, for signed webhooks"),
    Setting(
        "CAIRN_WEBHOOK_HOSTS",
        "hosts inside your own network, or without TLS, that changes may be pushed to and keys fetched from: a.example, *.local",
    ),
    Setting(
        "CAIRN_CDS_ORIGINS",
        "addresses whose pages may call the CDS Hooks services from a browser (CORS): https://ehr.example, with commas between",
    ),
    Setting(
        "CAIRN_TRUST_FORWARDED",
        "believe your own proxy: X-Forwarded-For (who tries to sign in), and without CAIRN_PUBLIC_URL X-Forwarded-Proto and -Host",
        "flag",
        "false",
    ),
    Setting(
        "CAIRN_SMS_PER_SECOND",
        "how many texts a second are handed over at most, by all workers together",
        "rate",
        "0",
        shown="`0`: no limit",
    ),
    Setting(
        "CAIRN_CHANNEL",
        "how patients are texted, where CAIRN_CHANNELS does not say",
        "choice",
        "sandbox",
        choices=("sandbox", "twilio"),
    ),
    Setting(
        "CAIRN_CHANNELS",
        "the ways patients are texted, with commas between, the first to be tried first; `cairn channels list` names them all",
        shown="the one of `CAIRN_CHANNEL`",
    ),
    Setting("TWILIO_ACCOUNT_SID", "Twilio account (`AC...`)"),
    Setting("TWILIO_AUTH_TOKEN", "its token", secret=True),
    Setting("TWILIO_FROM", "a number (E.164) or a messaging service (`MG...`)"),
    Setting("TWILIO_BASE_URL", "another address of Twilio's API, for a proxy or a test", shown="Twilio's own"),
    Setting("TWILIO_WEBHOOK_SECRET", "key of Twilio's SHA-256 signatures, where they are in use", secret=True),
    Setting("CAIRN_WHATSAPP_FROM", "the WhatsApp sender at Twilio: a number (E.164) or a messaging service (`MG...`)"),
    Setting("CAIRN_WHATSAPP_TEMPLATES", "file of the approved WhatsApp templates (YAML)", "file"),
    Setting("CAIRN_GATEWAY_CONFIG", "file that describes an HTTP gateway (YAML); several as `NAME=FILE, NAME=FILE`"),
    Setting("CAIRN_FOUR_EYES", "a pathway is published only after a second person has approved it", "flag", "true"),
    Setting(
        "CAIRN_CO_MANAGED",
        "the shipped pathways that this network is to follow, with commas between; `cairn pathways list` names them all",
        default="hypertension, type2_diabetes",
    ),
    Setting(
        "CAIRN_ALERT_WEBHOOK",
        "where alerts about messages are posted, signed",
        shown="none: they are in the API, the log and the metrics",
    ),
    Setting("CAIRN_ALERT_SECRET", "the secret that its posts are signed with", secret=True),
    Setting(
        "CAIRN_OIDC_ISSUER",
        "the OpenID provider at which people sign in to the console, exactly as it calls itself: `https://id.example`",
        shown="none: local accounts and keys alone",
    ),
    Setting("CAIRN_OIDC_CLIENT_ID", "what this installation is called there"),
    Setting("CAIRN_OIDC_CLIENT_SECRET", "its secret there, where it has one", secret=True),
    Setting("CAIRN_OIDC_NAME", "the provider's name on the sign-in page", shown="its host"),
    Setting(
        "CAIRN_OIDC_LINK_BY_EMAIL",
        "a first sign-in whose e-mail the provider has verified is linked to the account that has it as its login",
        "flag",
        "false",
    ),
    Setting(
        "CAIRN_SECOND_FACTOR",
        "roles that work only with a second factor, with commas between: administrator, coordinator",
        shown="none: everybody may set one up",
    ),
    Setting("CAIRN_IDLE_MINUTES", "after so many minutes without a request a sign-in ends, 5 to 720", default="60"),
    Setting("CAIRN_METRICS_HOST", "where each process serves its metrics", default="127.0.0.1"),
    Setting("CAIRN_METRICS_PORT", "their port", "port", "0", shown="`0`: none are served"),
    Setting("CAIRN_OTLP_ENDPOINT", "where traces go (OTLP over HTTP)", shown="none: nothing is traced"),
    Setting("CAIRN_LOG_FORMAT", "how logs are written", "choice", "json", choices=("json", "text")),
    Setting("CAIRN_LOG_LEVEL", "from which level on", "choice", "info", choices=("debug", "info", "warning", "error")),
)
KNOWN = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting's value and where it was found. ``value`` of a secret is not for showing: see ``shown``."""

    setting: Setting
    value: str = field(repr=False)
    origin: str

    @property
    def shown(self) -> str:
        """The value as an operator may read it on a screen that others see."""
        if not self.setting.secret or not self.value:
            return self.value
        return PASSWORD.sub("***", self.value) if "://" in self.value else "***"


def in_force(environment: Mapping[str, str]) -> dict[str, InForce]:
    """Every setting by name. Raises BadSetting."""
    _refuse_unknown(environment)
    file = environment.get(CONFIG, "")
    written = _written(Path(file)) if file else {}
    return {setting.name: _one(setting, environment, written, file) for setting in SETTINGS}


def _one(setting: Setting, environment: Mapping[str, str], written: Mapping[str, str], file: str) -> InForce:
    name, key = setting.name, setting.key
    for values, plain, place in ((environment, name, "environment"), (written, key, file)):
        from_file = plain + ("_FILE" if plain == name else "_file")
        text, path = values.get(plain, "").strip(), values.get(from_file, "").strip() if setting.secret else ""
        said = plain if place == "environment" else f"{plain} in {file}"
        if text and path:
            raise BadSetting(f"{plain} and {from_file} are both set; keep one of them")
        if path:
            return InForce(setting, read_secret(from_file, Path(path)), path)
        if text:
            setting.check(text, said)
            return InForce(setting, text, place)
    return InForce(setting, setting.default, "default")


def read_secret(name: str, path: Path) -> str:
    """What the file that the setting ``name`` points to holds. Raises BadSetting."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{name} is '{path}', which cannot be read; use the path of a file that this user may read") from None
    if not text:
        raise BadSetting(f"{name} is '{path}', which is empty; write the secret into it")
    return text


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    names = {CONFIG, *OF_THE_TESTS, *_names()}
    for name in sorted(environment):
        # Twilio's own tools read further TWILIO_ variables; those are not ours to refuse.
        if name.startswith("CAIRN_") and name not in names:
            raise BadSetting(f"there is no setting {name}; {_instead(name, names - OF_THE_TESTS)}")


def _written(path: Path) -> dict[str, str]:
    """The file's values as texts. Raises BadSetting."""
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{CONFIG} is '{path}', which cannot be read; use the path of a TOML file") from None
    except tomllib.TOMLDecodeError as wrong:
        raise BadSetting(f"{path} is not TOML: {wrong}; write lines such as api_port = 8733") from None
    keys = {name.removeprefix("CAIRN_").lower(): name for name in _names()}
    values = {}
    for key, value in read.items():
        if key not in keys:
            raise BadSetting(f"{path}: there is no setting {key}; {_instead(key, keys)}")
        values[key] = _as_text(key, value, path)
    return values


def _as_text(key: str, value: object, path: Path) -> str:
    setting = next((setting for setting in SETTINGS if setting.key == key), None)
    wanted = {"port": int, "flag": bool}.get(setting.kind, str) if setting else str
    if type(value) is not wanted:
        right = setting.right() if setting else "use the path of a file, in quotes"
        quotes = ", in quotes" if setting and wanted is str and setting.kind != "choice" else ""
        raise BadSetting(f"{path}: {key} is {value!r}, of the wrong type; {right}{quotes}")
    return str(value)


def _names() -> Iterator[str]:
    for setting in SETTINGS:
        yield setting.name
        if setting.secret:
            yield f"{setting.name}_FILE"


def _instead(name: str, known: Mapping[str, str] | set[str] | frozenset[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else "`cairn settings` lists them all"
