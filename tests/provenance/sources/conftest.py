"""A hub on loopback for the tests of sources."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """Start a hub, and let the client of this process know it; no cache of this machine is looked at."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running
