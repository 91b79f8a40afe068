"""A provider for the tests of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from spine.twilio_fakes import faking

from workers.twilio_fake.serving import Served


@pytest.fixture
async def twilio_fake(tmp_path: Path) -> AsyncIterator[Served]:
    """The fake Twilio in this process, without faults and without waiting; it calls no inbound webhook until it is told one."""
    async with faking(tmp_path / "twilio-fake.db") as served:
        yield served
