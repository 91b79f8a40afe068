"""What the API refuses with, said on a page in the reader's language.

Rule 1: a sentence that is known here, or in the catalogue of a page, is translated; one that names a route of the API or a code is
        said otherwise on a page.
Rule 2: what nobody put into words stays as the API says it: it is better read in English than not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from api.console.languages import N_, translations

#: Said word for word.
KNOWN: tuple[str, ...] = (
    N_("There is no such record among yours."),
    N_("This has changed since you read it; nothing was stored. Read it again, and decide again."),
    N_("The request cannot be used as it is; nothing was stored."),
    N_("This cannot be used as it is; nothing was stored."),
    N_("A reading cannot be used as it is; nothing was stored."),
    N_("This patient is not looked after any more; nothing was changed. Enrol them again, or leave it."),
    N_("This patient is not looked after any more: nothing would change. Enrol them again, or leave it."),
    N_("A key has no sign-ins and no second factor; an administrator replaces it."),
    N_("A place or a care team has this id already. Choose another one, or change that one."),
    N_("One of these identifiers is somebody else's already; nothing was stored. Look whether the two are one person."),
    N_("You may hand out keys and accounts of your own place and what is beneath it; this place is not."),
    N_("Another administrator resets your second factor; you turn it off yourself on your own page."),
    N_("Nobody asked to stop this referral: report what was done, or send the patient back."),
    N_("This forecast has ended already; there is nothing to stop."),
    N_("This list has the days within a year of today."),
    N_("Please fill this in."),
    N_("This form is not from a page that was shown to you since you signed in. Go back, reload the page, and send it again."),
)
#: What is said with a number or a code in it, and how it is said on a page: its groups fill in the sentence.
LIKE: tuple[tuple[str, str], ...] = (
    (
        r"A \w+ may not do this; it takes one of: .*",
        N_("Your role may not do this. Ask whoever administers Cairn."),
    ),
    (r"(?:This|Your) key is limited.*", N_("Your key may not do this. Whoever administers Cairn can make another one.")),
    (r"This task is closed already.*", N_("This task is closed already.")),
    (r"This task is claimed by (?P<who>.+); to take it from them.*", N_("%(who)s has this task already. Take it over first.")),
    (r"This (?:referral|refill|request) is .*", N_("Somebody was quicker: it does not stand as it did. Read the page again.")),
    (r"Nobody waits for a reply: .*", N_("Nobody waits for a reply any more.")),
    (r"String should have at most (?P<most>\d+) characters?", N_("At most %(most)s characters.")),
    (r"String should have at least (?P<least>\d+) characters?", N_("At least %(least)s characters.")),
    (r"Input should be greater than or equal to (?P<least>[\d.]+)", N_("At least %(least)s.")),
    (r"Input should be less than or equal to (?P<most>[\d.]+)", N_("At most %(most)s.")),
    (r"Input should be a valid (?:integer|number).*", N_("This is not a number.")),
    (r"Input should be a valid date.*", N_("This is not a day: write it as YYYY-MM-DD.")),
    (r"String should match pattern .*", N_("This is not written as it has to be. Look at the hint.")),
)
NOTHING = N_("There is nothing at this address.")
#: Why an address of a page cannot be opened, where nothing better is known.
ODD_ADDRESS = N_("This address holds something that cannot be read. Go to your first page, and find what you look for from there.")
AWAY = N_("The database does not answer just now. Nothing that you wrote is lost: go back, and send it again in a moment.")
FAULT = N_("Something went wrong on our side. Go back, and look whether what you wrote was saved before you send it again.")


def told(text: str, language: str) -> str:
    """A refusal as a page says it."""
    say: Callable[[str], str] = translations(language).gettext
    for pattern, sentence in LIKE:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return say(sentence) % found.groupdict()
    return say(text)
