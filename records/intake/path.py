"""Files and folders as they come, told apart by what is in them and not by their names.

Rule: whatever cannot be read is Refused with its name, and the next file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from records.intake.bundle import read_bundle
from records.intake.columns import decode
from records.intake.people import Intake, Refused
from records.intake.roster import read_roster

AS_SENT = "send FHIR R4 Bundles as JSON or NDJSON, or a roster as CSV"
LARGEST_BYTES = 256 * 1024 * 1024


def read_path(path: Path, *, on: date | None = None) -> Iterator[Intake | Refused]:
    """Everybody in a file, or in all files of a folder and its folders, in the order of their names. Never raises.

    ``source`` is the file's name, with its folders below ``path``. With ``on`` (today) what is dated later is kept out.
    """
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    except OSError as fault:
        yield Refused(path.name, "the folder", fault.strerror or "cannot be read", "check its name and who may read it")
        return
    named = [(file.relative_to(path).as_posix() if path.is_dir() else file.name, file) for file in files]
    visible = [(name, file) for name, file in named if not any(part.startswith(".") for part in name.split("/"))]
    if not visible:
        yield Refused(path.name, "the folder", "holds no files", AS_SENT)
    for source, file in visible:
        yield from _read_file(file, source, on)


def _read_file(file: Path, source: str, on: date | None) -> Iterator[Intake | Refused]:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            yield Refused(source, "the file", f"larger than {LARGEST_BYTES >> 20} MB", "send it as several files")
            return
        content = file.read_bytes()
    except OSError as fault:
        yield Refused(source, "the file", fault.strerror or "cannot be read", "check its name and who may read it")
        return
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        yield from read_bundle(content, source, on=on)
    elif start.startswith(b"PK") or (b"\0" in content[:64] and content[:2] not in (b"\xff\xfe", b"\xfe\xff")):
        yield Refused(source, "the file", "a spreadsheet, an archive or another binary file", AS_SENT)
    elif not any(separator in (decode(content) or "").split("\n", 1)[0] for separator in ",;\t"):
        yield Refused(source, "the file", "neither FHIR nor a roster" if start else "empty", AS_SENT)
    else:
        yield from read_roster(content, source, on=on)
