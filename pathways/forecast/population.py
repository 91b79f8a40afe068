"""A sample of the enrolled population, led through the months ahead under the version they are on and under a draft.

Rule 1: both are asked of the same engine, with the same luck, the same room in the teams' days and the same beginning, so that
        what differs is the draft's doing.
Rule 2: a part of a team is looked at by itself, each patient standing for several, so that parts may be shared among processes;
        the result does not depend on who looked at which, nor in what order.
Rule 3: nothing in here opens a database, and what is handed back holds no more of a patient than an opaque id, days and tags.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from json import loads

from pathways.engine import State, events, step
from pathways.engine.commands import SendMessage
from pathways.engine.moving import Replacing, classify
from pathways.engine.plan import ContactRules, Pathway, Plan
from pathways.engine.state import ENDED
from pathways.forecast.around import Around, Count, Team
from pathways.forecast.bookings import TeamCalendar
from pathways.forecast.following import Following
from pathways.forecast.health import Everybody, Health
from pathways.forecast.luck import Luck
from pathways.forecast.sample import MEASURES, WORLDS, Asked, Moved, Part, PartDone, Sampled, World
from pathways.language import Loaded, load_published
from pathways.language.segments import segments
from pathways.language.wording import NoWording, Wording, in_language, shipped_frames
from pathways.serial import OldSchema, Unreadable, load_event, load_state

MOST_STEPS = 3_000  # of one patient; more means that something does not settle


class Forecaster:
    """Everything that is compiled once and used for every part."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.loaded: dict[str, Loaded] = {}
        self._texts: dict[tuple[object, ...], int] = {}
        self._contact = asked.contact  # of the part that is being followed

    @cached_property
    def since(self) -> date:
        return self.asked.now.date()

    def _load(self, version: str) -> Loaded:
        if version not in self.loaded:
            self.loaded[version] = load_published(self.asked.texts[version], file=version[:8])
        return self.loaded[version]

    def _pathway(self, version: str) -> Pathway | None:
        return self._load(version).pathway if version in self.asked.texts else None

    def follow(self, part: Part) -> PartDone:
        """Lead everybody in ``part`` through the months, once under each version."""
        done = PartDone(part.team)
        self._contact = part.contact or self.asked.contact
        begun = [(one, state) for one in part.people if (state := self._begun(one, done)) is not None]
        if not begun:
            return done
        done.sizes.update(one.batch for one, _ in begun)
        everybody = Everybody.of((state.readings for _, state in begun), self.asked.told)
        weight = max(1, round(part.patients / len(begun)))
        healths = [self._health(one, state, everybody) for one, state in begun]  # of which both worlds find the same
        followed = {world: self._world(world, part, begun, healths, weight, done) for world in WORLDS}
        for (one, before), present, draft in zip(begun, followed["present"], followed["draft"], strict=True):
            done.moved.append(self._moved(one, part.team, before, present, draft))
        return done

    # --- the beginning
    def _begun(self, one: Sampled, done: PartDone) -> State | None:
        """The patient as they stand; None, counted, for somebody who cannot be followed."""
        plan = self._plan(one, "present")
        if plan is None:
            done.left_out["version_does_not_compile"] += 1
            return None
        try:
            try:
                state = load_state(one.state)
            except OldSchema:
                state = State(patient=one.id)
                for event in one.log:
                    state = step(plan, state, load_event(loads(event))).state
                if one.last_step is not None:
                    state = step(plan, state, events.DueReached(id="due", at=one.last_step, learnt=one.last_step)).state
            for event in one.untaken:
                state = step(plan, state, load_event(loads(event))).state
        except Unreadable:
            done.left_out["snapshot_unreadable"] += 1
            return None
        if state.life in ENDED or state.life == "not_enrolled" or self.asked.pathway not in state.courses:
            done.left_out["not_followed"] += 1
            return None
        return state

    def _plan(self, one: Sampled, world: World) -> Plan | None:
        versions = dict(one.versions)
        before = versions.get(self.asked.pathway, "")
        if world == "draft":
            versions[self.asked.pathway] = self.asked.draft
        return self._plan_of(tuple(sorted(versions.items())), tuple(sorted({before, self.asked.draft})), self._contact)

    @lru_cache(maxsize=512)  # noqa: B019 - a forecaster lives as long as its process
    def _plan_of(self, versions: tuple[tuple[str, str], ...], further: tuple[str, ...], contact: ContactRules) -> Plan | None:
        pathways = {name: self._pathway(version) for name, version in versions}
        known = {name: pathway for name, pathway in pathways.items() if pathway is not None}
        if len(known) < len(pathways):
            return None
        others = {version: pathway for version in further if (pathway := self._pathway(version)) is not None}
        return Plan(known, contact=contact, versions=others)

    # --- the months ahead
    def _world(
        self,
        world: World,
        part: Part,
        begun: Sequence[tuple[Sampled, State]],
        healths: Sequence[Health],
        weight: int,
        done: PartDone,
    ) -> list[_Led]:
        asked, team = self.asked, Team(TeamCalendar(part.capacity, part.worked), weight)
        until = asked.now + timedelta(weeks=asked.weeks)
        led: list[_Led] = []
        for (one, state), health in zip(begun, healths, strict=True):
            plan = self._plan(one, world)
            assert plan is not None
            around = Around(
                plan, team, asked.behaviour, self._counter(done, world, one.batch), self._segments(one), asked.now, until
            )
            led.append(_Led(Following(around, state, health.luck, health)))
        for (one, _), follows in zip(begun, led, strict=True):  # once everybody's booked day is in the calendar
            follows.begins(self._moves(one, world), asked.pathway)
        heap = [(at, n) for n, one in enumerate(led) if (at := one.following.next) is not None]
        heapq.heapify(heap)
        while heap:
            at, n = heap[0]
            following = led[n].following
            if at > until or following.steps > MOST_STEPS:
                done.unsettled += following.steps > MOST_STEPS
                heapq.heappop(heap)
                continue
            following.lives_on()
            then = following.next
            if then is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (then, n))
        done.steps += sum(one.following.steps for one in led)
        return led

    def _health(self, one: Sampled, state: State, everybody: Everybody) -> Health:
        return Health(Luck(self.asked.seed, one.id), self.asked.behaviour, everybody, state.readings, self.since)

    def _moves(self, one: Sampled, world: World) -> tuple[events.VersionMoved, ...]:
        asked, before = self.asked, one.versions.get(self.asked.pathway, "")
        if world == "present" or before == asked.draft:
            return ()
        return (
            events.VersionMoved(
                id="forecast/moved",
                at=asked.now,
                learnt=asked.now,
                pathway=asked.pathway,
                came_from=before,
                to=asked.draft,
                services=asked.services,
                tags=asked.tags,
            ),
        )

    def _counter(self, done: PartDone, world: World, batch: int) -> Count:
        weeks, since = self.asked.weeks, self.since
        rows = {measure: done.counts.setdefault((world, batch, measure), [0] * weeks) for measure in MEASURES}

        def count(measure: str, day: date, n: int) -> None:
            week = (day - since).days // 7
            if 0 <= week < weeks:
                rows[measure][week] += n

        return count

    def _segments(self, one: Sampled) -> Callable[[SendMessage], int]:
        """How many SMS a text is, with the longest usual names in it; each wording is counted once."""
        language = one.language

        def count(message: SendMessage) -> int:
            parts = tuple((part.pathway, part.version, part.template) for part in message.parts)
            known = (language, message.to, parts)
            if known not in self._texts:
                self._texts[known] = self._segments_of(parts, language, dict(one.versions))
            return self._texts[known]

        return count

    def _segments_of(self, parts: tuple[tuple[str, str, str], ...], language: str, versions: Mapping[str, str]) -> int:
        frames = shipped_frames()
        wording = Wording({}, frames)
        for pathway, version, _ in parts:
            wording = wording | self._load(version or versions[pathway]).wording
        sample = {name: frames.long_sample(name, language) for name in frames.variables}
        sender = in_language(frames.senders, language)
        try:
            text = wording.render(
                [(pathway, name, sample) for pathway, _, name in parts], language, sender, sample.get("first_name", "")
            )
        except NoWording:
            return 1
        return segments(text).count

    # --- what the draft does to one
    def _moved(self, one: Sampled, team: str, before: State, present: _Led, draft: _Led) -> Moved:
        name, fit = self.asked.pathway, ""
        why: tuple[str, ...] = ()
        if one.versions.get(name) != self.asked.draft:
            old, new = self._pathway(one.versions[name]), self._pathway(self.asked.draft)
            assert old is not None
            assert new is not None
            found = classify(old, new, before, Replacing(dict(self.asked.services), dict(self.asked.tags)))
            fit, why = found.fit, found.codes
        tags = (present.tag, draft.tag, _tag(present.following.state, name), _tag(draft.following.state, name))
        return Moved(one.id, team, *tags, present.day, draft.day, fit, why)


@dataclass
class _Led:
    """One patient under one version, and how they stood on the first day."""

    following: Following
    tag: str | None = None
    day: date | None = None

    def begins(self, moves: tuple[events.VersionMoved, ...], pathway: str) -> None:
        self.following.begins(*moves)
        self.tag, self.day = _tag(self.following.state, pathway), next_contact(self.following.state)


def _tag(state: State, pathway: str) -> str | None:
    course = state.courses.get(pathway)
    return course.tag if course is not None else None


def next_contact(state: State) -> date | None:
    """The first day on which the patient is to be seen or examined."""
    days = (occurrence.day for course in state.courses.values() for occurrence in course.services.values())
    return min(days, default=None) if state.life == "active" else None
