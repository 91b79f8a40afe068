"""What a hospital or a centre sends, read into our own words: pure parsing, no database, no engine."""

from records.intake.bundle import read_bundle
from records.intake.columns import ROSTER_COLUMNS
from records.intake.path import read_path
from records.intake.people import (
    Identifier,
    Intake,
    KnownMedicine,
    KnownReading,
    NotUnderstood,
    PersonName,
    Phone,
    Refused,
)
from records.intake.roster import read_roster

__all__ = [
    "ROSTER_COLUMNS",
    "Identifier",
    "Intake",
    "KnownMedicine",
    "KnownReading",
    "NotUnderstood",
    "PersonName",
    "Phone",
    "Refused",
    "read_bundle",
    "read_path",
    "read_roster",
]
