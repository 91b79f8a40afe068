"""The resources of one FHIR file and the ways they refer to each other.

Rule: a reference that could mean two resources means none: nobody gets somebody else's blood pressure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from records.intake.fhir import Json, part, parts, text


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a file: ``place`` says where it stands, ``full_url`` how others refer to it."""

    place: str
    full_url: str
    resource: Json

    @property
    def kind(self) -> str:
        return text(self.resource.get("resourceType"))


@dataclass
class Bundle:
    """The entries of one Bundle and the ways to find one of them by a reference."""

    entries: Sequence[Entry]
    _exact: dict[str, Entry] = field(default_factory=dict)
    _by_id: dict[str, Entry | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.entries:
            own = text(entry.resource.get("id"))
            if entry.full_url:
                self._exact.setdefault(entry.full_url, entry)
            if own:
                self._exact.setdefault(f"urn:uuid:{own}", entry)
                name = f"{entry.kind}/{own}"
                # Two servers may use one id for two people: then only the full address tells them apart.
                self._by_id[name] = None if name in self._by_id and self._by_id[name] is not entry else entry
            for one in parts(entry.resource, "identifier"):
                if system := text(one.get("system")):
                    self._exact.setdefault(f"{entry.kind}?identifier={system}|{text(one.get('value'))}", entry)

    def find(self, reference: Json) -> Entry | None:
        """The entry a Reference names: by full address, urn:uuid, Type/id, search or identifier; else None."""
        target = text(reference.get("reference")).split("/_history/")[0]
        if found := self._exact.get(target) or self._by_id.get(target):
            return found
        if target.startswith(("http://", "https://")) and (found := self._by_id.get("/".join(target.rsplit("/", 2)[-2:]))):
            # A full address elsewhere is the same resource only if ours has no full address that says otherwise.
            return found if not found.full_url.startswith("http") else None
        logical = part(reference, "identifier")
        if logical:
            return self._exact.get(f"Patient?identifier={text(logical.get('system'))}|{text(logical.get('value'))}")
        return None

    def resource(self, reference: Json) -> Json:
        """The resource a Reference names, or an empty object."""
        found = self.find(reference)
        return found.resource if found else {}
