"""The count of a week and of the whole play, and the lines they are told in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from workers.play.people import ENDED

TAGS = ("red", "yellow", "green")


def is_on_call(key: str) -> bool:
    """Whether a text with this key, such as ``message/2025-03-03/on_call#1``, went to the clinician on call."""
    return key.rpartition("/")[2].partition("#")[0] == "on_call"


@dataclass
class Tally:
    """What happened. ``week`` is emptied by ``close_week``; ``whole`` and the texts are kept."""

    week: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    texts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # to, key, text
    by_phone: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int = 1) -> None:
        """One more of something."""
        self.week[what] += number
        self.whole[what] += number

    def text(self, to: str, key: str, text: str, *, earlier: bool = False) -> None:
        """A phone got an SMS. ``earlier``: before this process began, so that no week of ours counts it."""
        self.texts[to, key, text] += 1
        self.by_phone[to] += 1
        if not earlier:
            self.count("sms")

    @property
    def duplicates(self) -> int:
        """SMS that a phone got once too often: the same key, the same words.

        The clinician on call hears of each patient in the same words; a key is one patient's own, and says not whose.
        """
        return sum(number - 1 for (_, key, _), number in self.texts.items() if not is_on_call(key))

    def close_week(self, day: date, people: Iterable[Mapping[str, Any]]) -> str:
        """The line of the week that ``day`` lies in; counting begins anew."""
        tags = Counter(str(p.get("tag")) for p in people if p.get("life") not in ENDED)
        year, week, _ = day.isocalendar()
        n, self.week = self.week, Counter()
        return "  ".join(
            (
                f"{year}-W{week:02}",
                f"visits due {n['visits due']} done {n['visits done']}",
                f"SMS {n['sms']} (answers {n['answers']})",
                f"referrals {n['referrals asked']} asked {n['referrals closed']} closed",
                f"refills {n['refills asked']} asked {n['refills dispensed']} dispensed",
                " ".join(f"{tag} {tags[tag]}" for tag in TAGS),
                f"lost {n['lost']} found {n['found']}",
            )
        )

    def summary(self, people: Iterable[Mapping[str, Any]], patients_phones: Iterable[str]) -> list[str]:
        """The end: totals, who is unreachable, texts for each patient."""
        everybody, phones, n = list(people), [phone for phone in patients_phones if phone], self.whole
        followed = [p for p in everybody if p.get("life") not in ENDED]
        unreachable = sum(p.get("reach") == "unreachable" for p in followed)
        life = Counter(str(p.get("life")) for p in everybody)
        texts = [self.by_phone[phone] for phone in phones] or [0]
        tags = Counter(str(p.get("tag")) for p in followed)
        return [
            f"patients {len(everybody)}: " + ", ".join(f"{what} {number}" for what, number in sorted(life.items())),
            f"tags: {', '.join(f'{tag} {tags[tag]}' for tag in TAGS)}; unreachable now {unreachable}, "
            f"lost {n['lost']}, found again {n['found']}; deaths {life['died']}",
            f"visits due {n['visits due']}, done {n['visits done']}; calls {n['calls']}, home visits {n['home visits']}",
            f"referrals asked {n['referrals asked']}, closed {n['referrals closed']}, refused {n['referrals refused']}; "
            f"refills asked {n['refills asked']}, dispensed {n['refills dispensed']}, out of stock {n['out of stock']}",
            f"SMS for each patient: mean {sum(texts) / len(texts):.1f}, most {max(texts)}; answers {n['answers']}; "
            f"duplicates {self.duplicates}",
        ]
