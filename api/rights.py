"""Who may do what: the one place where it is said.

Rule 1: each route names one right; the roles that have it are listed here and nowhere else.
Rule 2: a right says what may be done, the caller's place says to whose records; neither stands for the other.
Rule 3: whoever runs the installation has no right to read patients, and whoever audits has none to change anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from records.callers import Caller

ROLES: Mapping[str, str] = {
    "coordinator": "edits pathways, sees everything of the network's care",
    "approver": "approves and publishes pathways",
    "health_manager": "looks after a care team's patients",
    "doctor": "looks after a care team's patients, confirms referrals",
    "clinic": "a hospital or clinic that receives referrals",
    "pharmacy": "receives refill requests",
    "supervisor": "sees counts, workload and places, and who is behind a number; no record",
    "administrator": "runs the installation: places, keys, accounts, clock; no patient",
    "auditor": "reads the audit log",
    "gateway": "a machine that carries messages in and out",
}

CARE = ("coordinator", "health_manager", "doctor")
EVERYBODY = tuple(ROLES)

RIGHTS: Mapping[str, tuple[str, ...]] = {
    "patients.read": CARE,
    "patients.enrol": CARE,
    "patients.change": CARE,
    "patients.record": CARE,  # visits, calls, readings, screenings, dispenses, and their preview
    "readings.send": ("clinic",),  # of a patient that the place was referred
    "worklist.read": CARE,
    "tasks.read": CARE,
    "tasks.work": CARE,
    "referrals.read": (*CARE, "clinic"),
    "referrals.answer": ("coordinator", "clinic"),
    "referrals.reply": CARE,  # what a place asked to know
    "referrals.cancel": CARE,
    "refills.read": (*CARE, "pharmacy"),
    "refills.answer": ("coordinator", "pharmacy"),
    "refills.decide": ("doctor",),  # on what a pharmacy proposes in place of a medicine
    "inbox.read": (*CARE, "clinic", "pharmacy"),  # the page of what places were asked; what is on it takes its own rights
    "changes.read": ("clinic", "pharmacy"),  # of their own requests
    "webhooks.manage": ("clinic", "pharmacy", "administrator"),
    "stock.read": ("coordinator", "health_manager", "doctor", "pharmacy", "supervisor", "administrator"),
    "stock.write": ("coordinator", "pharmacy", "administrator"),
    "pathways.read": ("coordinator", "approver", "health_manager", "doctor", "supervisor", "auditor"),
    "pathways.draft": ("coordinator",),
    "pathways.approve": ("approver", "coordinator"),  # never of one's own draft
    "pathways.publish": ("coordinator", "approver"),
    "forecasts.run": ("coordinator", "approver"),
    "rollouts.read": ("coordinator", "approver", "supervisor"),
    "rollouts.run": ("coordinator",),
    "places.read": EVERYBODY,
    "places.write": ("administrator",),
    "closures.write": ("administrator", "coordinator", "clinic", "pharmacy"),
    "holds.read": (*CARE, "supervisor"),
    "holds.write": ("coordinator",),
    "holidays.write": ("administrator", "coordinator"),
    "contact_rules.write": ("coordinator",),  # of the whole network
    "referral_limits.write": ("coordinator", "administrator"),  # likewise
    "alerts.read": ("coordinator", "supervisor", "administrator", "health_manager"),
    "alerts.see": ("coordinator", "supervisor", "administrator"),
    "overview.read": ("coordinator", "supervisor"),
    "overview.people": ("coordinator", "supervisor"),  # who is behind a number: name, team, days; no record
    "usage.read": ("coordinator", "supervisor", "administrator"),  # what texts cost: no patient in it
    "hooks.call": (*CARE, "clinic"),  # CDS Hooks
    "hooks.manage": ("administrator",),  # the record systems that call
    "hooks.feedback": ("coordinator", "supervisor", "administrator"),  # counts: no patient in it
    "keys.manage": ("administrator",),
    "accounts.manage": ("administrator",),
    "self.read": EVERYBODY,
    "self.change": EVERYBODY,  # one's own password and sign-in
    "audit.read": ("auditor",),
    "clock.read": EVERYBODY,
    "clock.move": ("administrator",),
    "sandbox.use": ("administrator", "coordinator", "gateway"),
}


def roles_with(right: str) -> tuple[str, ...]:
    """The roles that have ``right``. Raises KeyError for a right that is not declared."""
    return RIGHTS[right]


def has(caller: Caller, right: str) -> bool:
    """Whether the caller's role has ``right``, and their key is not limited to others. Raises KeyError for an undeclared one."""
    return caller.role in roles_with(right) and (caller.rights is None or right in caller.rights)


def rights_of(role: str) -> tuple[str, ...]:
    """Everything that ``role`` may do."""
    return tuple(right for right, roles in RIGHTS.items() if role in roles)
