"""Keeping personal data: each person has a key of their own, wrapped by the master key.

Rule 1: forgetting a person is deleting their key; every sealed column of theirs is noise from then on.
Rule 2: a sealed value is bound to its patient and its purpose; moved elsewhere it does not open.
Rule 3: a name is searched by keyed hashes of its words and their beginnings (see docs/decisions/0003); the index key is
        derived from the master key, so a copy of the database alone answers no search.
Rule 4: nobody's data opens but through a person's vault, and whoever opens one within a request is written down.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

#: Whose records were opened, where somebody keeps an account of it (a request does, for the audit log).
OPENED: ContextVar[set[str] | None] = ContextVar("opened", default=None)

NONCE = 12
SHORTEST_BEGINNING = 2
LONGEST_BEGINNING = 12


class WrongKey(RuntimeError):
    """A sealed value does not open: another master key, or data moved between patients."""


class BadMasterKey(ValueError):
    """The master key is not 32 bytes in base64."""


@dataclass(frozen=True)
class PersonVault:
    """Seals and opens one person's data."""

    patient_id: str
    key: bytes = field(repr=False)

    def seal(self, purpose: str, value: Any) -> bytes:
        """Seal a JSON value (or bytes) for ``purpose`` (the table and key it will live under)."""
        plain = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, self._bound(purpose))

    def open_bytes(self, purpose: str, sealed: bytes) -> bytes:
        """Open what ``seal`` sealed. Raises WrongKey."""
        try:
            return AESGCM(self.key).decrypt(sealed[:NONCE], sealed[NONCE:], self._bound(purpose))
        except InvalidTag:
            raise WrongKey(f"sealed data of patient {self.patient_id} ({purpose}) does not open with this key") from None

    def open(self, purpose: str, sealed: bytes) -> Any:
        """The JSON value. Raises WrongKey."""
        return json.loads(self.open_bytes(purpose, sealed))

    def code(self, purpose: str, digits: int = 6) -> str:
        """Digits that nobody can work out without this person's key; always the same for one ``purpose``."""
        digest = hmac.digest(self.key, b"code/" + self._bound(purpose), "sha256")
        return str(int.from_bytes(digest, "big") % 10**digits).zfill(digits)

    def _bound(self, purpose: str) -> bytes:
        return f"{self.patient_id}/{purpose}".encode()


@dataclass(frozen=True)
class Vault:
    """The master key and what is derived from it."""

    master: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Which master key this is, safe to store beside what it wraps."""
        return sha256(b"cairn/master/" + self.master).hexdigest()[:12]

    @classmethod
    def from_text(cls, text: str) -> Vault:
        """From base64. Raises BadMasterKey."""
        try:
            master = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            raise BadMasterKey("the master key is not base64; make one with: cairn keys master") from None
        if len(master) != 32:
            raise BadMasterKey(f"the master key has {len(master)} bytes; it needs 32: make one with: cairn keys master")
        return cls(master)

    @classmethod
    def at(cls, path: Path) -> Vault:
        """The key kept in a file that only its owner may read; made on first use (embedded stack)."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
        return cls.from_text(path.read_text())

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """A key for another purpose (the search index, Temporal's payloads)."""
        return HKDF(SHA256(), length, salt=None, info=f"cairn/{purpose}".encode()).derive(self.master)

    def keeper(self, purpose: str) -> PersonVault:
        """Seals what is the installation's own, such as the secrets it shares with others."""
        return PersonVault(purpose, self.derive(f"own/{purpose}"))

    def new_person(self, patient_id: str) -> tuple[PersonVault, bytes]:
        """A fresh key for a person, and its wrapped form to store."""
        _opened(patient_id)
        key = AESGCM.generate_key(256)
        nonce = os.urandom(NONCE)
        return PersonVault(patient_id, key), nonce + AESGCM(self.master).encrypt(nonce, key, patient_id.encode())

    def person(self, patient_id: str, wrapped: bytes) -> PersonVault:
        """The person's vault. Raises WrongKey when another master key wrapped it."""
        try:
            key = AESGCM(self.master).decrypt(wrapped[:NONCE], wrapped[NONCE:], patient_id.encode())
        except InvalidTag:
            raise WrongKey("a person's key does not open: this database belongs to another master key") from None
        _opened(patient_id)
        return PersonVault(patient_id, key)

    def token(self, kind: str, word: str) -> bytes:
        """The keyed hash under which ``word`` is searched."""
        return hmac.digest(self.derive("search"), f"{kind}/{fold(word)}".encode(), "sha256")[:16]

    def name_tokens(self, names: Mapping[str, str]) -> set[bytes]:
        """All tokens under which a person with these name parts can be found."""
        return {self.token("name", word) for name in names.values() for word in searchable(name)}


def _opened(patient_id: str) -> None:
    account = OPENED.get()
    if account is not None:
        account.add(patient_id)


def fold(text: str) -> str:
    """One form for search: compatibility forms, case and accents do not matter."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c)).strip()


def searchable(name: str) -> Iterator[str]:
    """The words of a name and their beginnings. Han names are found by any beginning, and by what follows the surname."""
    for word in fold(name).replace("-", " ").split():
        if any("\u4e00" <= c <= "\u9fff" for c in word):
            yield from (word[i:j] for i in range(len(word)) for j in range(i + 1, len(word) + 1))
        else:
            yield from (word[:n] for n in range(SHORTEST_BEGINNING, min(len(word), LONGEST_BEGINNING) + 1))
            yield word
