"""Canaries: things that only these people have, sent in by every door, and looked for wherever they must not be.

The sandbox provider's own file is not looked at: it plays the phone company, which must know the number and the text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message as Proto
from spine.door import Door, the_door
from spine.people import NOTHING_FOUND
from spine.stack import Stack, moment, standing
from spine.supervisor import Breeder, supervised
from spine.worker_process import Order
from sqlalchemy import select
from temporalio.api.common.v1 import Payload

from records.tables import EventRow
from workers.codec import SealingCodec
from workflows.contract import patient_workflow_id

FAMILY, GIVEN, HAN = "Quetzalcoatl", "Xochiquetzal", "龘靐齉"
PHONE, CARER, MOVED_TO = "+8613987650123", "+8613987650456", "+8613987650789"
IDENTIFIER, NATIONAL = "XKCD-77123", "ZZ-9080706050"
VALUES = ("187.25", "113.75", "171/103", "171.0", "103.0", "8.0625", "144.5")
FREE_TEXT = "my neighbour Tlazolteotl carried me home"
REPORT = "found a Nezahualcoyotl murmur"
REFUSED = "no bed for Huitzilopochtli"
CANARIES = (
    FAMILY, GIVEN, HAN, PHONE[1:], CARER[1:], MOVED_TO[1:], IDENTIFIER, NATIONAL, *VALUES,
    "Tlazolteotl", "Nezahualcoyotl", "Huitzilopochtli", "1951-11-29", "Tonantzin",
)  # fmt: skip

SHE = {
    "identifier": IDENTIFIER,
    "national_id": NATIONAL,
    "family": FAMILY,
    "given": GIVEN,
    "name": f"{GIVEN} {FAMILY}",
    "sex": "female",
    "born": "1951-11-29",
    "phone": PHONE,
    "carer_phone": CARER,
    "carer_name": "Tonantzin",
    "language": "en",
    "timezone": "Asia/Shanghai",
    "conditions": ["hypertension", "type2_diabetes"],
    "last_visit": "2025-02-24",
    "readings": {"sbp": 144.5, "dbp": 95, "fpg": 8.0625},
    "medicines": [{"name": "amlodipine", "last_fill": "2025-02-24", "days_supply": 14}],
    "care_team": "team-1",
}
HE = {**SHE, "identifier": "XKCD-771234", "national_id": "", "name": HAN, "family": "", "given": "", "phone": MOVED_TO}


def payloads(message: Proto) -> Iterator[Payload]:
    """Every payload in a protobuf message, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if not isinstance(value, Proto):
            inner = value.values() if hasattr(value, "values") else value
            for one in inner:
                if isinstance(one, Proto):
                    yield from payloads(one)
        else:
            yield from payloads(value)


def found_in(place: str, content: bytes, canaries: Sequence[str] = CANARIES) -> list[str]:
    """Canaries in ``content``, also as JSON would escape them, and in either case."""
    folded = content.lower()
    forms = {canary: (canary.lower().encode(), canary.encode("unicode_escape").lower()) for canary in canaries}
    return [f"{canary} in {place}" for canary, written in forms.items() if any(form in folded for form in written)]


async def live(stack: Stack, door: Door) -> list[str]:
    """Every way in, used."""
    she = (await door.post("coordinator", "/patients", SHE))["patient_id"]
    he = (await door.post("coordinator", "/patients", HE))["patient_id"]

    async def everything(_: Stack) -> None:
        critical = {**NOTHING_FOUND, "sbp": 187.25, "dbp": 113.75, "fpg": 8.0625}
        await door.post("manager", f"/patients/{she}/visits", {"readings": critical, "id": f"{FAMILY}-{PHONE}"})
        await door.post("manager", f"/patients/{she}/readings", {"readings": {"sbp": 144.5}, "source": "home"})
        await door.post("gateway", "/sandbox/replies", {"from": PHONE, "text": "bp 171/103"})
        await door.post("gateway", "/sandbox/replies", {"from": PHONE, "text": FREE_TEXT})
        await door.post("gateway", "/sandbox/replies", {"from": CARER, "text": f"chest pain, {GIVEN} cannot breathe"})
        await door.finish("doctor", she, "confirm_referral", "approved")
        await door.post("manager", f"/patients/{he}/move", {"phone": MOVED_TO, "carer_phone": CARER})
        await door.get("manager", "/patients", search=FAMILY)

    async def the_hospital_answers(_: Stack) -> None:
        (referral,) = (await door.get("hospital", "/referrals"))["items"]
        for action, said in (
            ("receive", {}),
            ("ask-more", {"question": REFUSED}),
            ("accept", {}),
            ("attended", {}),
            ("complete", {"report": REPORT}),
        ):
            await door.post("hospital", f"/referrals/{referral['id']}/{action}", said)

    async def the_pharmacy_answers(_: Stack) -> None:
        refill = (await door.get("pharmacy-1", "/refills"))["items"][0]
        await door.post("pharmacy-1", f"/refills/{refill['id']}/ready")

    happenings = [
        (moment("2025-03-05", "11:00"), everything),
        (moment("2025-03-05", "11:10"), the_hospital_answers),
        (moment("2025-03-06", "15:00"), the_pharmacy_answers),
    ]
    await stack.live(moment("2025-03-25"), happenings)
    return [she, he]


async def everything_temporal_says(stack: Stack, patients: Sequence[str]) -> bytes:
    """Histories, descriptions and listings, every payload opened."""
    codec = SealingCodec(stack.parts.vault.derive("temporal"))
    said: list[bytes] = []

    async def take(message: Proto) -> None:
        said.append(str(message).encode())
        for payload in payloads(message):
            (opened,) = await codec.decode([payload])
            said.append(opened.SerializeToString())

    for patient in patients:
        for history in await stack.histories(patient):
            for event in history.events:
                await take(event)
        await take((await stack.client.get_workflow_handle(patient_workflow_id(patient)).describe()).raw_description)
    async for execution in stack.client.list_workflows():
        await take(execution.raw_info)
    return b"\n".join(said)


async def test_nothing_personal_reaches_temporal_the_logs_or_the_database_in_clear(
    tmp_path: Path, breeder: Breeder, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    before = breeder.log.stat().st_size
    async with standing(tmp_path, start=moment("2025-03-03", "09:00")) as stack, supervised(breeder) as workers:
        # One process dies on the way, so that what a death leaves behind is looked at too.
        order = Order(str(tmp_path), stack.server.address)
        await workers.start([Order(order.home, order.address, die_at="after_step")], order)
        async with the_door(stack) as door:
            patients = await live(stack, door)
        texts = " ".join(message.text for message in await stack.sms())
        opened = await everything_temporal_says(stack, patients)
        await workers.stop()
        files = read_files(tmp_path, "temporal", "cairn.db")
        events = await kinds_of_events(stack)

    # The canaries did come in: what is not there was not merely never sent.
    assert GIVEN in texts
    assert {"enrolled", "visit_completed", "reading_received", "answer_received", "referral_moved", "refill_moved"} <= events
    assert b"take_step" in opened
    assert patients[0].encode() in opened
    assert {"temporal.db", "cairn.db"} <= set(files)

    found = found_in("Temporal's histories, opened", opened)
    for name, content in files.items():
        found += found_in(name, content)
    out, err = capfd.readouterr()
    # The HTTP client is the caller's, and logs the addresses that it calls.
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    found += found_in("the driver's log", "\n".join(map(logged, ours)).encode())
    found += found_in("stdout and stderr", (out + err).encode())
    found += found_in("the workers' stderr", breeder.log.read_bytes()[before:])
    assert found == []


def read_files(folder: Path, *beginnings: str) -> dict[str, bytes]:
    """The database's file, its write-ahead log and all, as bytes."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.startswith(beginnings)}


def logged(record: logging.LogRecord) -> str:
    return f"{record.name} {record.getMessage()} {record.exc_info or ''} {record.exc_text or ''}"


async def kinds_of_events(stack: Stack) -> set[Any]:
    async with stack.parts.database.reading() as session:
        return set(await session.scalars(select(EventRow.kind)))
