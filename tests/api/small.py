"""A small definition, and a checker that checks it in this process: for tests that are about what becomes of a definition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx

from api.checker import Checked, Checker, check
from tests.api.conftest import Network
from tests.kept import kept_app

#: Sound, and a version of the shipped pathway by its name.
SMALL = """\
pathway: hypertension
title: {en: Hypertension, zh-Hans: 高血压}
basis: product
enrol_when: '"hypertension" in conditions'
readings:
  sbp: {unit: "mm[Hg]", plausible: [50, 300], label: {en: systolic, zh-Hans: 收缩压}}
tags: [red, green]
decisions:
  HIGH: {title: {en: high, zh-Hans: 高}, tag: red}
  FINE: {title: {en: fine, zh-Hans: 好}, tag: green}
  MISSING: {title: {en: missing, zh-Hans: 缺}, open_task: {kind: complete_readings, by: health_manager, within: 3 days}}
services:
  follow_up:
    kind: follow_up
    title: {en: follow-up, zh-Hans: 随访}
    by: health_manager
    every: {red: 15 days, green: 90 days}
    collects: [sbp]
    decide: followup
    remind: [{when: 3 days before, send: visit_soon}]
tables:
  followup:
    - {row: S-1, when: sbp >= 140, then: HIGH, because: {en: high, zh-Hans: 高}, basis: product}
    - {row: S-2, when: sbp < 140, then: FINE, because: {en: fine, zh-Hans: 好}, basis: product}
    - {row: S-3, incomplete: true, then: MISSING, because: {en: missing, zh-Hans: 缺}, basis: product}
messages:
  visit_soon: {en: "your visit: {{ day }}.", zh-Hans: "您预约{{ day }}复诊。"}
scenarios:
  - name: a high pressure is red
    patient: {born: 1970-01-01, sex: male, conditions: [hypertension]}
    enrolled: 2025-03-03
    steps:
      - {on: 2025-03-10, visit: {sbp: 150}, expect: {row: S-1, tag: red}}
"""


@dataclass(frozen=True)
class InProcess(Checker):
    """Checks here: starting the process would take a second or two."""

    async def awake(self) -> None:
        """It is."""

    async def _checked(self, text: str) -> Checked:
        return check(text)


@asynccontextmanager
async def otherwise(network: Network, *, four_eyes: bool = True, checker: Checker | None = None) -> AsyncIterator[Network]:
    """The same network behind another API."""
    parts = replace(network.parts, four_eyes=four_eyes, checker=checker or InProcess())
    with kept_app(parts) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as http:
            yield replace(network, parts=parts, http=http)
