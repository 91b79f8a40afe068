"""The steps that a hospital may take with a referral: what each is called, what it will do, and which mostly comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.console.desk import N_, NOTICES

NOTICES |= {
    "referral_received": N_("The centre sees that you have it."),
    "referral_accepted": N_("Accepted. The centre is told; book a day next."),
    "referral_accepted_now": N_("Accepted. The patient is texted where to go, and the centre is told."),
    "referral_refused": N_("Refused. The next place is asked, and the centre reads why."),
    "referral_more_asked": N_("Asked. The centre has a task to answer you."),
    "referral_booked": N_("Booked. The patient is texted the day and where to go."),
    "referral_attended": N_("Noted: the patient was here. The centre sees it."),
    "referral_not_attended": N_("Noted: the patient did not come. The centre has a task to call."),
    "referral_in_progress": N_("Noted: treatment has begun."),
    "referral_completed": N_("Reported. The centre reads it, and checks on the patient."),
    "referral_sent_back": N_("Sent back. The centre has a task to read your instructions."),
    "referral_aborted": N_("Noted: you have stopped. The centre sees it."),
    "referral_replied": N_("Answered. The place has the next word again."),
    "referral_cancelled": N_("Called off. The place is told, and the patient if they were told where to go."),
    "referral_abort_asked": N_("The place has begun already: it is asked to stop, and says when it has."),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something the place may do. ``to``: the stage; ``will``: what happens then."""

    what: str
    to: str
    title: str
    will: str
    again: str = ""  # its title where the referral is there already


STEPS: Mapping[str, Step] = {
    one.what: one
    for one in (
        Step("abort", "aborted", N_("We have stopped"), N_("As the centre asked. The referral ends with it.")),
        Step("accept", "accepted", N_("Accept"), N_("The centre is told. You book a day next.")),
        Step(
            "book",
            "booked",
            N_("Book a day"),
            N_("The patient is texted the day, and your name, address and phone."),
            N_("Book another day"),
        ),
        Step("attended", "attended", N_("Was here"), N_("The centre sees it. Nobody is texted.")),
        Step("not_attended", "not_attended", N_("Did not come"), N_("The centre is given a task to call the patient.")),
        Step("start", "in_progress", N_("Treatment has begun"), N_("From now on the centre can only ask you to stop.")),
        Step(
            "complete",
            "completed",
            N_("Report and finish"),
            N_("The centre reads your report and checks on the patient."),
            N_("Add to the report"),
        ),
        Step(
            "send_back",
            "sent_back",
            N_("Send back to the centre"),
            N_("The centre is given a task to read what it should do, and looks after the patient again."),
            N_("Add to the instructions"),
        ),
        Step(
            "ask",
            "more_asked",
            N_("Ask the centre something"),
            N_("The centre is given a task to answer. Your own time stands still until then."),
            N_("Ask something else"),
        ),
        Step("refuse", "refused", N_("Refuse"), N_("The next place is asked. The centre reads your reason.")),
        Step("receive", "received", N_("Only say that we have it"), N_("The centre sees that it is in hand. Nobody is texted.")),
    )
}
#: By where it stands: the step that mostly comes next, and the others that are likely; all others lie behind "something else".
LIKELY: Mapping[str, tuple[str, ...]] = {
    "requested": ("accept", "book", "ask", "refuse", "receive"),
    "received": ("accept", "book", "ask", "refuse"),
    "accepted": ("book", "attended", "ask", "refuse"),
    "booked": ("attended", "not_attended", "book", "ask"),
    "not_attended": ("book", "attended", "ask"),
    "attended": ("complete", "send_back", "start", "ask"),
    "in_progress": ("complete", "send_back", "ask"),
    "completed": ("complete",),
    "sent_back": ("send_back",),
    "more_asked": ("accept", "book", "ask"),
}
