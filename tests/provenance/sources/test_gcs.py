"""`gs://` through the real client against a bucket on loopback: each object as the generation that was listed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.faults import Fault
from tests.sim.gcs import Gcs
from tests.sim.web import LoopbackServer
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    MalformedError,
    NetworkError,
    NoInputError,
    PromiseBrokenError,
    UnsupportedError,
)
from weightmark.provenance.sources.choice import is_pin_of, open_source
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.interface import Snapshot
from weightmark.provenance.sources.object_store.address import ObjectAddress

BIG = bytes(range(256)) * 9000


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcs]:
    """A bucket `models` with one model."""
    with Gcs.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.put("bert/big.bin", BIG)
        running.put("bert/sub/config.json", b"{}")
        running.put("bertha/other.bin", b"not of this model")
        yield running


def resolved(uri: str) -> Snapshot:
    with open_source(uri) as source:
        return source.resolve()


def fetched(uri: str, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with open_source(uri) as source:
            for at, part in enumerate(source.resolve().parts):
                fetch(source, part, str(at), folder=descriptor, where=uri, sleep=lambda _: None)
    finally:
        os.close(descriptor)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_lies_below_a_prefix_is_listed_and_fetched(gcs: Gcs, tmp_path: Path) -> None:
    gcs.page = 1
    for uri in ("gs://models/bert", "gs://models/bert/"):
        snapshot = resolved(uri)
        assert [(one.path, one.size) for one in snapshot.parts] == [
            ("big.bin", len(BIG)),
            ("sub/config.json", 2),
        ]
    assert fetched("gs://models/bert", tmp_path / "to") == {"0": BIG, "1": b"{}"}


def test_a_pinned_address_stays_and_breaks_when_anything_changes(gcs: Gcs) -> None:
    pinned = resolved("gs://models/bert").pinned
    assert resolved(pinned).pinned == pinned
    assert is_pin_of("gs://models/bert", pinned, {})
    assert not is_pin_of("gs://models/bertha", pinned, {})
    gcs.put("bert/sub/config.json", b"{}")
    with pytest.raises(PromiseBrokenError, match="other objects"):
        resolved(pinned)


def test_a_generation_that_was_replaced_during_the_pull_is_refused(gcs: Gcs) -> None:
    with open_source("gs://models/bert") as source:
        part = source.resolve().parts[0]
        gcs.put("bert/big.bin", BIG[::-1])
        for offset in (0, 100):
            with pytest.raises(PromiseBrokenError, match="changed since"):
                b"".join(source.read(part, offset))


@pytest.mark.parametrize("offset", [0, 100])
def test_an_answer_of_another_generation_is_refused_even_if_it_was_asked_for_this_one(
    gcs: Gcs, offset: int
) -> None:
    gcs.serving["bert/big.bin"] = 1
    with open_source("gs://models/bert") as source:
        part = source.resolve().parts[0]
        with pytest.raises(PromiseBrokenError, match="changed since"):
            b"".join(source.read(part, offset))


@pytest.mark.parametrize("bytes_served", [BIG + b"x", BIG[:-1]])
def test_a_size_that_lies_is_refused(gcs: Gcs, tmp_path: Path, bytes_served: bytes) -> None:
    gcs.served["bert/big.bin"] = bytes_served
    with pytest.raises((PromiseBrokenError, NetworkError)):
        fetched("gs://models/bert", tmp_path / "to")


def test_a_read_goes_on_where_it_broke_off(gcs: Gcs, tmp_path: Path) -> None:
    with open_source("gs://models/bert") as source:
        part = source.resolve().parts[0]
        for offset in (0, 1, 1_000_000, len(BIG) - 1, len(BIG)):
            assert b"".join(source.read(part, offset)) == BIG[offset:]
    gcs.faults["media"] = Fault.error(503, times=1)
    assert fetched("gs://models/bert", tmp_path / "to")["0"] == BIG


def test_a_range_that_was_not_asked_for_is_refused(gcs: Gcs) -> None:
    gcs.ranges = False
    with open_source("gs://models/bert") as source:
        part = source.resolve().parts[0]
        with pytest.raises(NetworkError, match="another range"):
            b"".join(source.read(part, 5))


def test_a_redirect_is_not_followed_so_that_the_token_goes_nowhere(gcs: Gcs) -> None:
    other = LoopbackServer(gcs.faults)
    try:
        gcs.location = f"{other.url}/steal"
        with open_source("gs://models/bert") as source:
            part = source.resolve().parts[0]
            with pytest.raises(NetworkError, match="302"):
                b"".join(source.read(part))
        assert not other.seen
    finally:
        other.stop()


def test_what_is_stored_or_sent_compressed_is_refused(gcs: Gcs) -> None:
    gcs.encoding = "gzip"
    with open_source("gs://models/bert") as source:
        part = source.resolve().parts[0]
        with pytest.raises(NetworkError, match="encodes"):
            b"".join(source.read(part))
    gcs.promised["bert/big.bin"] = {"contentEncoding": "gzip"}
    with pytest.raises(UnsupportedError):
        resolved("gs://models/bert")


@pytest.mark.parametrize("key", ["bert/../../x", "bert//x", "bert/./x", "bert/\x00x"])
def test_names_that_lead_out_are_refused(gcs: Gcs, key: str) -> None:
    gcs.put(key, b"x")
    with pytest.raises(ArtifactRefusedError):
        resolved("gs://models/bert")


@pytest.mark.parametrize(
    "lie", [{"size": 3}, {"size": "-1"}, {"size": "9" * 40}, {"generation": "x"}, {"name": 7}]
)
def test_a_listing_that_breaks_its_format_is_refused(gcs: Gcs, lie: dict[str, object]) -> None:
    gcs.promised["bert/big.bin"] = lie
    with pytest.raises(MalformedError):
        resolved("gs://models/bert")


def test_what_is_not_there_and_what_is_denied_are_told_apart(gcs: Gcs) -> None:
    with pytest.raises(NoInputError):
        resolved("gs://models/nothing")
    with pytest.raises(NetworkError, match="not there"):
        resolved("gs://no-such-bucket/x")
    gcs.faults["list"] = Fault.error(403)
    with pytest.raises(NetworkError, match="no access"):
        resolved("gs://models/bert")


def test_an_endpoint_without_tls_is_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://store.example:9000")
    with pytest.raises(NetworkError, match="no TLS"):
        resolved("gs://models/bert")


def test_no_network_means_none() -> None:
    with pytest.raises(NetworkError, match="--offline"):
        open_source("gs://models/bert", offline=True)


@pytest.mark.parametrize("uri", ["gs://", "gs:///x", "gs://UP/x", "gs://a..b/x", "gs://abc/x\ny"])
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(CallError):
        ObjectAddress.parse(uri)
