"""Tokens, authorities and services with which signers work, each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.signers.parties import SOFTHSM, LoopbackTsa, Token


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Token]:
    """Return an empty SoftHSM token called `wm` with the PIN 1234; ask for it with `needs("softhsm")`."""
    import pkcs11

    place = tmp_path / "softhsm"
    (place / "tokens").mkdir(parents=True)
    configuration = place / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {place / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    made = Token(place)
    made.init("wm")
    yield made
    library = pkcs11.lib(SOFTHSM)
    library.finalize()


@pytest.fixture
def tsa() -> Iterator[LoopbackTsa]:
    """Return a time-stamping authority on a loopback port."""
    service = LoopbackTsa()
    yield service
    service.server.stop()
