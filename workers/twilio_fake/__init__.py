"""A Twilio of our own: the same HTTP interface, signatures and statuses, kept in a file, with faults on demand.

Rule 1: it stands for an outside company: nothing of ours is imported but the counting of segments, and it shares no file,
table or transaction with an installation.
Rule 2: it is as Twilio is: no idempotency. Asked twice it texts twice, and its counts show it.
Rule 3: what it accepted survives a SIGKILL (SQLite in WAL mode; a power cut may lose the last moments).
Rule 4: chance is drawn from a seed and from what was asked, not from the order of arrival: the same requests meet the same faults.
"""
