"""A public host leads nobody into the network that the caller stands in: the same rule for every source that follows redirects."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.abroad import HOST, Abroad
from weightmark.errors import NetworkError
from weightmark.provenance.sources.choice import open_source

SOURCES = {
    "hf": ("hf://acme/bert", "/api/models/acme/bert/revision/main"),
    "oci": (f"oci://{HOST}/acme/bert:v1", "/v2/acme/bert/manifests/v1"),
    "https-file": (f"https://{HOST}/m.bin", "/m.bin"),
    "https-folder": (f"https://{HOST}/bert/", "/bert/SHA256SUMS"),
}
INWARD = ["https://169.254.169.254/latest", "https://10.1.2.3/x", "https://localhost:8443/x"]


@pytest.fixture
def abroad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Abroad]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", f"https://{HOST}")
    with Abroad.running(tmp_path) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def asked(uri: str) -> NetworkError:
    with pytest.raises(NetworkError) as raised, open_source(uri) as source:
        source.resolve()
    return raised.value


@pytest.mark.parametrize("target", INWARD)
@pytest.mark.parametrize("source", [name for name in SOURCES if name != "hf"])
def test_a_redirect_inward_is_not_followed(abroad: Abroad, source: str, target: str) -> None:
    uri, path = SOURCES[source]
    abroad.redirects[path] = target
    said = asked(uri)
    assert "leads to" in said.what
    assert "private network" in said.why
    assert set(abroad.connected) == {f"{HOST}:443"}


_RESOLVES = """
import sys
from weightmark.errors import NetworkError
from weightmark.provenance.sources.choice import open_source
try:
    with open_source(sys.argv[1]) as source:
        source.resolve()
except NetworkError as error:
    print(error.what)
"""


@pytest.mark.parametrize("target", INWARD)
def test_a_redirect_of_a_hub_inward_is_not_followed(abroad: Abroad, target: str) -> None:
    """In a process of its own: the hub's client keeps its connections for as long as one lasts."""
    uri, path = SOURCES["hf"]
    abroad.redirects[path] = target
    done = subprocess.run(
        [sys.executable, "-c", _RESOLVES, uri], capture_output=True, text=True, check=True
    )
    assert "leads to" in done.stdout
    assert set(abroad.connected) == {f"{HOST}:443"}


@pytest.mark.parametrize("realm", INWARD)
def test_a_token_service_inward_is_not_asked(abroad: Abroad, realm: str) -> None:
    abroad.challenge = f'Bearer realm="{realm}",service="x"'
    said = asked(SOURCES["oci"][0])
    assert "leads to" in said.what
    assert set(abroad.connected) == {f"{HOST}:443"}
