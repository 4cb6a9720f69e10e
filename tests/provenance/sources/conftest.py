"""A hub on loopback for the tests of sources."""

from collections.abc import Iterator

import pytest

from tests.sim.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Start a hub, and let the client of this process know it."""
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running
