"""What the tests of the pages in a browser share."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, chromium
from tests.browser.proof_script import ProofScript, proof_script
from tests.browser.world import World, build_world
from tests.conftest import need


@pytest.fixture(scope="module")
def script() -> Iterator[ProofScript]:
    """Return the scripts of the proof check, run by Node."""
    with proof_script(need("node")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a running Chromium."""
    with chromium(need("node"), need("playwright").parent, need("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a registry with its ledger; a test that adds to it takes a copy."""
    folder = tmp_path_factory.mktemp("world") / "world"
    folder.mkdir()
    return build_world(folder)
