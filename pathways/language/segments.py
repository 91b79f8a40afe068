"""How many SMS a text costs, counted as the networks count.

Law: exact, not estimated. A text is GSM-7 when every character is in the default alphabet or its extension table
of 3GPP TS 23.038 (formerly GSM 03.38); one character outside, and all of it is UCS-2. Note that á, í, ó, ú and ç
are outside, while à, é, ì, ò, ù, ñ and ü are in. National shift tables are left out: few carriers honour them.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

# In the order of the table of TS 23.038, clause 6.2.1, without the escape at 0x1B.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# Clause 6.2.1.1: each is an escape and a character, two septets.
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")

_SINGLE = {"GSM-7": 160, "UCS-2": 70}
_PART = {"GSM-7": 153, "UCS-2": 67}  # a part of a long SMS gives 6 octets to its header
_TYPED = str.maketrans(
    {"‘": "'", "’": "'", "´": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ",
     "\u202f": " ", "º": "o", "ª": "a", "\u2011": "-"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segments:
    """``units`` are septets (GSM-7) or 16-bit code units (UCS-2); ``count`` is the number of SMS, 0 for no text."""

    encoding: Encoding
    units: int
    count: int

    @property
    def left(self) -> int:
        """How many units there is room for before one more SMS is needed; an escaped character is two."""
        return max(0, (_SINGLE[self.encoding] if self.count <= 1 else self.count * _PART[self.encoding]) - self.units)


def segments(text: str) -> Segments:
    """Count the SMS that ``text`` needs: 160 or 70 units alone, else parts of 153 or 67.

    An escaped character or a surrogate pair is never cut in two, so a part may end one unit early.
    """
    if all(character in GSM_BASIC or character in GSM_EXTENSION for character in text):
        return _count("GSM-7", [2 if character in GSM_EXTENSION else 1 for character in text])
    return _count("UCS-2", [2 if ord(character) > 0xFFFF else 1 for character in text])


def outside_gsm(text: str) -> frozenset[str]:
    """The characters that make ``text`` UCS-2, so that an author can replace them."""
    return frozenset(text) - GSM_BASIC - GSM_EXTENSION


def plainer(text: str) -> str:
    """``text`` as a typewriter has it, where that alone saves an SMS; else as it is.

    A María or a Clínica del Río would make a text of one SMS into one of three. Only accents that GSM-7 lacks and
    typographer's signs are given up, all or none: a name in another script stays as it is.
    """
    if segments(text).encoding == "GSM-7":
        return text
    typed = "".join(_typed(character) for character in text)
    saves = segments(typed).encoding == "GSM-7" and segments(typed).count < segments(text).count
    return typed if saves else text


def _typed(character: str) -> str:
    if character in GSM_BASIC or character in GSM_EXTENSION:
        return character
    letter = unicodedata.normalize("NFD", character)[0]
    return letter if letter.isascii() and letter.isalpha() else character.translate(_TYPED)


def _count(encoding: Encoding, sizes: list[int]) -> Segments:
    units = sum(sizes)
    if units <= _SINGLE[encoding]:
        return Segments(encoding, units, 1 if units else 0)
    return Segments(encoding, units, _parts(sizes, room=_PART[encoding]))


def _parts(sizes: Iterable[int], *, room: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts
