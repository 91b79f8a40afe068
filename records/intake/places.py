"""Where a person lives, what they speak and how they are rung, from what was written about it.

Rule: a time zone is never guessed from half an address: an SMS at four in the morning is worse than a question to
the coordinator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers

from records.intake.codes import plain, read_table


@dataclass(frozen=True)
class Places:
    """Tables of countries, states, zones and languages, ready to be asked."""

    country_names: Mapping[str, str]
    country_zones: Mapping[str, str]
    state_zones: Mapping[tuple[str, str], str]
    zone_countries: Mapping[str, str]
    language_names: Mapping[str, str]
    compound_surnames: tuple[str, ...]

    def country(self, written: str) -> str | None:
        """The two-letter code of a country as people write it, or None."""
        return self.country_names.get(plain(written))

    def zone_of_address(self, country: str, state: str) -> str | None:
        """The time zone of an address; None when the country has several and the state does not decide."""
        code = self.country(country)
        if code is None:
            return None
        return self.state_zones.get((code, plain(state))) or self.country_zones.get(code)

    def country_of_zone(self, zone: str | None) -> str | None:
        """The country whose phone numbers are written without a country code in this time zone, or None."""
        return self.zone_countries.get(zone or "")

    def language(self, written: str) -> str | None:
        """Our code (en, zh-Hans, zh-Hant, es) for a tag or name, by its longest known prefix; None when not ours."""
        tag = plain(written).replace("_", "-")
        while tag:
            if tag in self.language_names:
                return self.language_names[tag]
            tag = tag.rpartition("-")[0]
        return None

    def split_name(self, written: str) -> tuple[str, str]:
        """Family and given name of a Chinese name written in one piece; two empty words for any other."""
        joined = written.replace(" ", "")
        if not 2 <= len(joined) <= 4 or not all("\u4e00" <= letter <= "\u9fff" for letter in joined):
            return "", ""
        length = 2 if len(joined) > 2 and joined.startswith(self.compound_surnames) else 1
        return joined[:length], joined[length:]


@cache
def shipped_places() -> Places:
    """The tables we ship, read once."""
    table = read_table("places.yaml")
    countries = table["countries"]
    zone_countries = {row["zone"]: code for code, row in countries.items() if "zone" in row}
    zone_countries |= {zone: code for code, row in countries.items() for zone in row.get("states", {}).values()}
    return Places(
        country_names={plain(name): code for code, row in countries.items() for name in (code, *row["names"])},
        country_zones={code: row["zone"] for code, row in countries.items() if "zone" in row},
        state_zones={
            (code, plain(state)): zone for code, row in countries.items() for state, zone in row.get("states", {}).items()
        },
        zone_countries=zone_countries | table["zones"],
        language_names={plain(name): code for code, names in table["languages"].items() for name in (code, *names)},
        compound_surnames=tuple(table["compound_surnames"]),
    )


def known_zone(name: str) -> ZoneInfo | None:
    """The time zone of that IANA name, or None when there is none."""
    try:
        return ZoneInfo(name) if "/" in name or name == "UTC" else None
    except (ValueError, OSError, KeyError):
        return None


def e164(written: str, country: str | None) -> str | None:
    """A phone number as E.164, read as one of ``country`` when it names none; None when no such number can exist."""
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
