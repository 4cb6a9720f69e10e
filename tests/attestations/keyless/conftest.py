"""A loopback Sigstore for each test, and what tests need around it."""

from collections.abc import Iterator

import pytest

from tests.sim.loopback import LoopbackSigstore


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackSigstore]:
    """Return a running instance; no proxy stands before it, no CI around it."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with LoopbackSigstore.running() as running:
        yield running
