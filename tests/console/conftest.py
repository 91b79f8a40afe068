"""The tests' network, served on loopback, with a browser on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import Network, fresh_network, network
from tests.api.serving import served
from tests.console.browsing import Browsing, browsing

__all__ = ["fresh_network", "network"]


@pytest.fixture
async def browser(network: Network) -> AsyncIterator[Browsing]:
    """A browser on the network; ``person(key)`` is somebody signed in."""
    async with served(network.parts) as site, browsing(site.url) as it:
        yield it
