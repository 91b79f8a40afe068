"""What a task is begun with, by its kind; the others are looked at first."""

from __future__ import annotations

CALLS = frozenset(
    {
        "phone_call", "phone_reminder", "urgent_call", "call_about_reading", "refill_gap", "search", "check_on_rest",
        "find_another_day", "confirm_number", "new_number_danger", "ask_about_pause", "find_number",
        "referral_not_attended", "chase_referral",
    }
)  # fmt: skip
RECORDS = frozenset({"home_visit", "complete_readings", "recheck_finding"})
#: What is there because of a text of the patient's: its words are shown at once.
ANSWERS = frozenset({"read_answer", "answer_unclear", "ask_about_pause", "new_number_danger", "urgent_call"})
