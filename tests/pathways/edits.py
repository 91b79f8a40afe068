"""Edits at random: what a coordinator may do to a pathway, one after the other, and what they say replaces what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from pathways.engine.moving import Replacing
from pathways.engine.plan import ByTag, Decision, Escalation, Pathway, Reminder, Service, TaskSpec


@dataclass(frozen=True, repr=False)
class Edited:
    """A pathway after some edits of the one that was ``old``; ``services`` and ``tags``: what the author named."""

    old: Pathway
    new: Pathway
    services: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def replacing(self) -> Replacing:
        return Replacing(self.services, self.tags)


Edit = Callable[[Edited], Edited]


def _service(edited: Edited, index: int, *kinds: str) -> Service | None:
    fitting = [one for one in edited.new.services.values() if not kinds or one.kind in kinds]
    return fitting[index % len(fitting)] if fitting else None


def _with(edited: Edited, service: Service) -> Edited:
    return replace(edited, new=replace(edited.new, services={**edited.new.services, service.name: service}))


def _without(edited: Edited, name: str) -> Edited:
    services = {key: one for key, one in edited.new.services.items() if key != name}
    return replace(edited, new=replace(edited.new, services=services))


def _change(index: int, kinds: tuple[str, ...], change: Callable[[Service], dict[str, Any]]) -> Edit:
    def edit(edited: Edited) -> Edited:
        service = _service(edited, index, *kinds)
        return edited if service is None else _with(edited, replace(service, **change(service)))

    return edit


def _rhythm(index: int, days: int) -> Edit:
    def otherwise(service: Service) -> dict[str, Any]:
        by_tag = {tag: max(1, every + days) for tag, every in service.every.days.items()}
        return {"every": replace(service.every, days=by_tag, always=None if by_tag else max(1, 365 + days))}

    return _change(index, ("follow_up", "screening"), otherwise)


def _add(kind: str, number: int, first: int) -> Edit:
    name = f"added_{kind}_{number}"
    made = Service(name, kind, every=ByTag(always=60), first=first, opens=7, remind=(Reminder(-2, "visit_soon"),))  # type: ignore[arg-type]
    return lambda edited: _with(edited, made)


def _remove(index: int, said: bool) -> Edit:
    def edit(edited: Edited) -> Edited:
        service = _service(edited, index)
        if service is None:
            return edited
        gone = _referring(_without(edited, service.name), service.name, None)
        was = _first_name(edited, service.name)
        return replace(gone, services={**edited.services, was: ""}) if said and was in edited.old.services else gone

    return edit


def _rename(index: int, number: int, said: bool) -> Edit:
    def edit(edited: Edited) -> Edited:
        service = _service(edited, index)
        if service is None:
            return edited
        name = f"renamed_{number}"
        other = _referring(_with(_without(edited, service.name), replace(service, name=name)), service.name, name)
        was = _first_name(edited, service.name)
        return replace(other, services={**edited.services, was: name}) if said else other

    return edit


def _referring(edited: Edited, gone: str, to: str | None) -> Edited:
    """What referred by a service that is gone refers by another, or by none: so the checks of the language would have it."""

    def mended(one: Decision) -> Decision:
        if one.refer is None or one.refer.service != gone:
            return one
        return replace(one, refer=replace(one.refer, service=to) if to is not None else None)

    decisions = {name: mended(one) for name, one in edited.new.decisions.items()}
    return replace(edited, new=replace(edited.new, decisions=decisions))


def _first_name(edited: Edited, name: str) -> str:
    """What the old pathway calls it, through earlier edits."""
    return next((old for old, new in edited.services.items() if new == name), name)


def _rename_tag(index: int, said: bool) -> Edit:
    def edit(edited: Edited) -> Edited:
        tag = edited.new.tags[index % len(edited.new.tags)]
        other = f"{tag}_"
        new = replace(
            edited.new,
            tags=tuple(other if one == tag else one for one in edited.new.tags),
            decisions={name: replace(one, tag=other) if one.tag == tag else one for name, one in edited.new.decisions.items()},
            services={name: _retagged(one, tag, other) for name, one in edited.new.services.items()},
        )
        was = next((old for old, now in edited.tags.items() if now == tag), tag)
        return replace(edited, new=new, tags={**edited.tags, was: other} if said else edited.tags)

    return edit


def _retagged(service: Service, tag: str, other: str) -> Service:
    every = {other if one == tag else one: days for one, days in service.every.days.items()}
    return replace(service, every=replace(service.every, days=every))


def _remove_tag(index: int) -> Edit:
    def edit(edited: Edited) -> Edited:
        tags = edited.new.tags
        if len(tags) < 2:
            return edited
        gone = tags[index % len(tags)]
        decisions = {name: replace(one, tag=None) if one.tag == gone else one for name, one in edited.new.decisions.items()}
        return replace(edited, new=replace(edited.new, tags=tuple(tag for tag in tags if tag != gone), decisions=decisions))

    return edit


def _remind(index: int, offset: int, keep: int) -> Edit:
    return _change(
        index,
        ("follow_up", "screening"),
        lambda service: {"remind": (*service.remind[:keep], Reminder(offset, "visit_soon"), *service.remind[keep + 1 :])},
    )


def _escalate(index: int, after: int, keep: int) -> Edit:
    call = Escalation(ByTag(always=after), TaskSpec("phone_call", "health_manager", 3), send="visit_missed" if keep else None)
    return _change(index, (), lambda service: {"if_missed": (*service.if_missed[:keep], call)})


def _collect(index: int, keep: int) -> Edit:
    return _change(index, ("follow_up", "screening"), lambda service: {"collects": service.collects[:keep]})


def _kind(index: int) -> Edit:
    other = {"follow_up": "screening", "screening": "follow_up"}
    return _change(index, ("follow_up", "screening"), lambda service: {"kind": other[service.kind]})


_index, _said = st.integers(0, 12), st.booleans()
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(_rhythm, _index, st.sampled_from([-80, -10, -5, 5, 30, 200])),
    st.builds(_add, st.sampled_from(["follow_up", "screening", "message"]), st.integers(1, 3), st.sampled_from([1, 14, 40])),
    st.builds(_remove, _index, _said),
    st.builds(_rename, _index, st.integers(1, 4), _said),
    st.builds(_rename_tag, _index, _said),
    st.builds(_remove_tag, _index),
    st.builds(_remind, _index, st.sampled_from([-30, -3, -1, 0, 3]), st.integers(0, 2)),
    st.builds(_escalate, _index, st.sampled_from([0, 3, 40]), st.integers(0, 3)),
    st.builds(_collect, _index, st.integers(0, 4)),
    st.builds(_kind, _index),
)


def edited(old: Pathway, made: list[Edit], version: str) -> Edited:
    """``old`` after these edits, as ``version``."""
    result = Edited(old, replace(old, version=version))
    for edit in made:
        result = edit(result)
    known = {name: to for name, to in result.services.items() if name in old.services}
    return replace(result, services=known)
