"""What the provider does: takes messages, sends them on, tells what became of them, and hears phones.

Rule 1: a message and what is to become of it are written in one transaction, so that a killed provider goes on where it was.
Rule 2: the webhooks of one message are called one after the other, in the order in which they are due.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pathways.language.segments import segments
from workers.twilio_fake import forms
from workers.twilio_fake.asked import Account, Asked
from workers.twilio_fake.calling import Answer, Caller
from workers.twilio_fake.faults import Faults
from workers.twilio_fake.shapes import Refusal, Sms, fresh_sid, sid_of
from workers.twilio_fake.store import Callback, Step, Store

Now = Callable[[], Awaitable[datetime]]
AT_ONCE = 16  # webhooks
A_SEGMENT = 0.0079  # US dollars
FAILED = frozenset({30001, 30002, 30036, 63016})  # never left; all other codes are ``undelivered``
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received"})
WINDOW = timedelta(hours=24)  # WhatsApp: free text only so long after the person's last message


async def _system_time() -> datetime:
    return datetime.now(UTC)


class Provider:
    """One account of the fake Twilio over ``store``. ``inbound_url``: where texts of phones are told. ``now``: the clock of
    dates; delays are in real time.
    """

    def __init__(
        self, store: Store, account: Account, caller: Caller, *, inbound_url: str = "", now: Now | None = None, faults: Faults
    ) -> None:
        self.store, self.account, self.caller, self.inbound_url = store, account, caller, inbound_url
        self.faults = faults
        self.asked: Counter[str] = Counter()  # requests by what came of them
        self._now = now or _system_time
        self._times: Counter[tuple[str, str]] = Counter()  # how often the same was asked
        self._recent: deque[float] = deque()
        self.most_in_a_second = 0
        self.beat: Callable[[], float] = time.monotonic  # seconds, for the rate
        self._woken = asyncio.Event()
        self._still = asyncio.Condition()
        self._calling: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def now(self) -> datetime:
        """The moment that dates are written with: the one that was set, or the clock's."""
        at = self.store.setting("clock")
        return (datetime.fromisoformat(at) if at else await self._now()).astimezone(UTC)

    # --- being asked
    def time_of(self, to: str, body: str) -> int:
        """The how-manyth request with these words to this phone this is; chance is drawn for each anew."""
        self._times[to, body] += 1
        return self._times[to, body]

    def too_fast(self) -> bool:
        """Were there too many requests within the last second of real time, this one included?"""
        at = self.beat()
        while self._recent and self._recent[0] <= at - 1:
            self._recent.popleft()
        if self.faults.most_per_second and len(self._recent) >= self.faults.most_per_second:
            return True
        self._recent.append(at)
        self.most_in_a_second = max(self.most_in_a_second, len(self._recent))
        return False

    async def take(self, asked: Asked, time_: int, *, direction: str = "outbound-api", template: bool = False) -> Sms:
        """Keep the message and what is to become of it."""
        now, real, faults = await self.now(), time.time(), self.faults
        scheduled = asked.send_at is not None and asked.send_at > now
        wait = (asked.send_at - now).total_seconds() if scheduled and asked.send_at else 0.0
        code = self._trouble(asked, time_, now, template)
        if faults.sent_after > asked.validity:
            code = 30036
        ends: list[tuple[float, str, int | None]] = [(real + wait, "queued", None)]
        if code not in FAILED:
            ends.append((real + wait + faults.sent_after, "sent", None))
        if code is None:
            ends.append((real + wait + max(faults.delivered_after, faults.sent_after), "delivered", None))
        else:
            after = min(faults.delivered_after, asked.validity) if code == 30036 else faults.delivered_after
            ends.append((real + wait + after, "failed" if code in FAILED else "undelivered", code))
        sms = Sms(
            n=0,
            sid=fresh_sid("MM" if asked.media else "SM"),
            direction=direction,
            from_="" if asked.service else asked.sender,
            to=asked.to,
            body=asked.body,
            status="scheduled" if scheduled else "accepted" if asked.service else "queued",
            error_code=None,
            service=asked.service,
            segments=segments(asked.body).count or 1,
            media=asked.media,
            created=now,
            updated=now,
            sent=None,
            price=None,
            callback=asked.callback,
            redacted=False,
            lot=time_,
        )
        kept = self.store.add(sms, listed=real + faults.list_lag, steps=ends)
        self._woken.set()
        return kept

    def _trouble(self, asked: Asked, time_: int, now: datetime, template: bool) -> int | None:
        code = self.store.code_of(asked.to)
        if code is None and asked.to.startswith("whatsapp:") and not template:
            last = self.store.last_from(asked.to)
            if last is None or now - last > WINDOW:
                return 63016
        if code is None and self.faults.meets("undelivered", asked.to, asked.body, time_):
            return 30008
        return code

    async def change(self, sms: Sms, *, body: str | None, status: str | None) -> None:
        """Redact a message (``body`` empty) or cancel a scheduled one. Raises Refusal."""
        if status is not None:
            if status != "canceled":
                raise Refusal(400, 20001, f"The 'Status' {status} is not valid: canceled is")
            if sms.status != "scheduled":
                raise Refusal(409, 30409, "Message cannot be canceled: it is not scheduled")
            self.store.no_more(sms.sid)
            self.store.change(sms.sid, status="canceled", updated=await self.now())
            self._tell(sms.sid)
        if body is not None:
            if body:
                raise Refusal(400, 20001, "The 'Body' of a message can be changed to an empty one only")
            if sms.status not in FINAL:
                raise Refusal(409, 20009, "Cannot modify this Message because delivery of it is not complete.")
            self.store.change(sms.sid, redacted=1, updated=await self.now())

    def delete(self, sms: Sms) -> None:
        """Forget a message; the phone that holds it does not. Raises Refusal."""
        if sms.status not in FINAL:
            raise Refusal(409, 20009, "Cannot delete this resource before it is complete")
        self.store.change(sms.sid, deleted=1)

    # --- phones
    async def hear(self, phone: str, text: str, *, to: str = "", media: int = 0) -> tuple[Sms, Answer | None]:
        """A phone texts one of our senders; answers the message and what the inbound webhook said."""
        to = to or ("whatsapp:" + self.account.whatsapp[0] if phone.startswith("whatsapp:") else self.account.numbers[0])
        now, service = await self.now(), self._service_of(to)
        sms = Sms(
            n=0,
            sid=fresh_sid("MM" if media else "SM"),
            direction="inbound",
            from_=phone,
            to=to,
            body=text,
            status="received",
            error_code=None,
            service=service,
            segments=segments(text).count or 1,
            media=media,
            created=now,
            updated=now,
            sent=now,
            price=f"{-A_SEGMENT:.5f}",
            callback="",
            redacted=False,
            lot=1,
        )
        self.store.add(sms, listed=time.time())
        kind = None if phone.startswith("whatsapp:") else forms.opting(text)
        if kind in ("STOP", "START"):
            for sender in (to, *([service] if service else [])):
                self.store.opt(sender, phone, out=kind == "STOP")
        if kind is not None:
            await self._reply(phone, to, forms.OPTED[kind], "")
        if not self.inbound_url:
            return sms, None
        answer = await self.caller.call(self.inbound_url, forms.inbound(sms, self.account.sid, kind), fresh_sid(""))
        for reply in forms.replies(answer.text):
            if not self.store.opted_out(service or to, phone):
                await self._reply(phone, to, reply, service)
        return sms, answer

    async def _reply(self, phone: str, sender: str, text: str, service: str) -> None:
        asked = Asked(phone, sender, service, text, 0, "", 36_000, None)
        await self.take(asked, 1, direction="outbound-reply", template=True)

    def _service_of(self, number: str) -> str:
        number = number.removeprefix("whatsapp:")
        return next((service for service, sender in self.account.services.items() if sender == number), "")

    # --- time
    async def run(self) -> None:
        """Move messages on and call webhooks as they fall due, until cancelled."""
        try:
            while True:
                self._woken.clear()
                looked = await self._move()
                async with self._still:
                    self._still.notify_all()
                # What was due at that moment and is not begun waits for a call that is open, and its end wakes us.
                due = self.store.next_due(behind=looked)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), None if due is None else max(0.001, due - time.time()))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Until nothing is on its way any more: every message came to its end and every webhook was called."""
        async with self._still:
            await self._still.wait_for(lambda: self.store.next_due() is None and not self._calling)

    def wake(self) -> None:
        """Look again at what is due."""
        self._woken.set()

    async def _move(self) -> float:
        looked = time.time()
        while due := self.store.steps_due(looked):
            now = await self.now()
            with self.store.together():
                for step in due:
                    self._take_step(step, now)
        for callback in self.store.calls("outcome = '' and due <= ?", looked):
            if len(self._calling) >= AT_ONCE:
                break
            if callback.n not in self._calling and callback.sid not in self._calling.values():
                self._calling[callback.n] = callback.sid
                task = asyncio.create_task(self._call(callback))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return looked

    def _take_step(self, step: Step, now: datetime) -> None:
        self.store.done(step)
        sms = self.store.fetch(step.sid, deleted=True)
        if sms is None:
            return
        status, code = step.status, step.error_code
        if self.faults.no_credit and status in ("queued", "sent"):
            self.store.no_more(sms.sid)
            status, code = "failed", 30002
        values: dict[str, object] = {"status": status, "error_code": code, "updated": now}
        if status == "queued" and sms.service and not sms.from_:
            prefix = "whatsapp:" if sms.to.startswith("whatsapp:") else ""
            values["from_"] = prefix + self.account.services.get(sms.service, "")
        if status == "sent":
            values["sent"] = now
        if status in ("delivered", "undelivered"):
            values["price"] = f"{-A_SEGMENT * sms.segments:.5f}"
        self.store.change(sms.sid, **values)
        self._tell(sms.sid)

    def _tell(self, sid: str) -> None:
        sms = self.store.fetch(sid, deleted=True)
        if sms is None or not sms.callback:
            return
        faults, real = self.faults, time.time()
        what = (sms.to, sms.body, sms.lot, sms.status)
        due = real + (faults.late_seconds if faults.meets("late", *what) else 0.0)
        if sms.status == "sent" and faults.meets("shuffle", *what):
            due += max(faults.delivered_after - faults.sent_after, 0.0) + 0.1
        lost = "lost" if faults.meets("lose", *what) else ""
        token = sid_of("", f"{sid}/{sms.status}")
        form = forms.status(sms, self.account.sid)
        for _ in range(2 if faults.meets("repeat", *what) and not lost else 1):
            self.store.call(Callback(0, sid, due, sms.callback, form, token, sms.status, lost))
        self._woken.set()

    async def _call(self, callback: Callback) -> None:
        try:
            try:
                answer = await self.caller.call(callback.url, callback.form, callback.token)
            except ValueError:  # an address that cannot be called; kept, it would be called for ever
                answer = Answer(0)
            self.store.called(callback.n, answer.told)
        finally:
            self._calling.pop(callback.n, None)
            self._woken.set()


def counted(rows: Sequence[tuple[object, ...]], names: Sequence[str]) -> list[Mapping[str, object]]:
    """Rows of ``Store.counts`` with their names."""
    return [dict(zip([*names, "count"], row, strict=True)) for row in rows]
