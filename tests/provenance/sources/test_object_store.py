"""`s3://` through the real client against a store on loopback: nothing is believed but that nothing changed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sim.faults import Faults
from tests.sim.s3 import environment, running
from tests.sim.web import Answer, LoopbackServer, Request
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    Exit,
    NetworkError,
    NoInputError,
    PromiseBrokenError,
    WeightmarkError,
)
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.interface import Snapshot
from weightmark.provenance.sources.object_store.address import ObjectAddress

BIG = bytes(range(256)) * 9000


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A bucket `models` with one model, and the client that its publisher uses."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(endpoint, tmp_path / "none").items():
        monkeypatch.setenv(name, value)
    from s3fs import S3FileSystem

    client = S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    if not client.exists("models"):
        client.mkdir("models")
    client.rm("models/bert", recursive=True) if client.exists("models/bert") else None
    client.pipe("models/bert/big.bin", BIG)
    client.pipe("models/bert/sub/config.json", b"{}")
    client.pipe("models/bertha/other.bin", b"not of this model")
    return client


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


def test_what_lies_below_a_prefix_is_listed_and_fetched(store: Any, tmp_path: Path) -> None:
    for uri in ("s3://models/bert", "s3://models/bert/"):
        snapshot = resolved(uri)
        assert [(one.path, one.size) for one in snapshot.parts] == [
            ("big.bin", len(BIG)),
            ("sub/config.json", 2),
        ]
    assert fetched("s3://models/bert", tmp_path / "to") == {"0": BIG, "1": b"{}"}


def test_one_object_is_a_file(store: Any) -> None:
    (part,) = resolved("s3://models/bert/big.bin").parts
    assert part.path == "big.bin"


def test_a_pinned_address_stays_and_breaks_when_anything_changes(store: Any) -> None:
    pinned = resolved("s3://models/bert").pinned
    assert resolved(pinned).pinned == pinned
    store.pipe("models/bert/sub/config.json", b"[]")
    with pytest.raises(PromiseBrokenError, match="other objects"):
        resolved(pinned)
    assert resolved("s3://models/bert").pinned != pinned


@pytest.mark.parametrize("change", ["renamed", "added", "removed"])
def test_the_pin_binds_names_and_number(store: Any, change: str) -> None:
    pinned = resolved("s3://models/bert").pinned
    if change == "added":
        store.pipe("models/bert/more.bin", b"")
    else:
        store.rm("models/bert/sub/config.json")
    if change == "renamed":
        store.pipe("models/bert/sub/conf.json", b"{}")
    with pytest.raises(PromiseBrokenError):
        resolved(pinned)


def test_an_object_that_changes_after_it_was_listed_is_refused(store: Any) -> None:
    with open_source("s3://models/bert") as source:
        part = source.resolve().parts[0]
        store.pipe("models/bert/big.bin", BIG[::-1])
        for offset in (0, 100):
            with pytest.raises(PromiseBrokenError, match="changed since"):
                b"".join(source.read(part, offset))


_LISTED = f"""<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name>
<IsTruncated>false</IsTruncated><Contents><Key>bert/big.bin</Key><Size>{len(BIG)}</Size>
<ETag>"aaa"</ETag></Contents></ListBucketResult>"""


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize(("tag", "error"), [("bbb", PromiseBrokenError), ("", NetworkError)])
def test_a_store_that_ignores_the_condition_can_not_glue_two_versions(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    offset: int,
    tag: str,
    error: type[WeightmarkError],
) -> None:
    """Some that speak S3 heed `If-Match` for writing only."""

    def answer(request: Request) -> Answer:
        if "list-type" in request.query:
            return Answer(_LISTED.encode(), kind="application/xml")
        headers = {"ETag": f'"{tag}"'} if tag else {}
        if offset:
            headers["Content-Range"] = f"bytes {offset}-{len(BIG) - 1}/{len(BIG)}"
        return Answer(BIG[::-1][offset:], 206 if offset else 200, "x/y", headers)

    server = LoopbackServer(Faults())
    server.route("s3", "/", answer)
    for name, value in environment(server.url, tmp_path / "none").items():
        monkeypatch.setenv(name, value)
    try:
        with open_source("s3://models/bert") as source:
            part = source.resolve().parts[0]
            with pytest.raises(error):
                b"".join(source.read(part, offset))
    finally:
        server.stop()


def test_a_read_goes_on_where_it_broke_off(store: Any) -> None:
    with open_source("s3://models/bert") as source:
        part = source.resolve().parts[0]
        for offset in (0, 1, 1_000_000, len(BIG) - 1, len(BIG)):
            assert b"".join(source.read(part, offset)) == BIG[offset:]


def test_keys_that_lead_out_are_refused(store: Any) -> None:
    store.call_s3("put_object", Bucket="models", Key="bad/../../x", Body=b"x")
    with pytest.raises(ArtifactRefusedError):
        resolved("s3://models/bad")


def test_many_objects_are_listed_over_all_pages(store: Any) -> None:
    store.pipe({f"models/many/{number:04}": b"x" for number in range(1005)})
    assert len(resolved("s3://models/many").parts) == 1005


def test_what_is_not_there_is_said_without_secrets(store: Any) -> None:
    with pytest.raises(NoInputError):
        resolved("s3://models/nothing")
    with pytest.raises(NetworkError, match="not there") as told:
        resolved("s3://no-such-bucket/x")
    assert "a-secret-of-tests" not in f"{told.value!r}{told.value.why}{told.value.fix}"


def test_an_endpoint_without_tls_is_sent_nothing(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example:9000")
    with pytest.raises(NetworkError, match="no TLS"):
        resolved("s3://models/bert")


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_so_that_no_credentials_go_elsewhere(
    status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, other = LoopbackServer(Faults()), LoopbackServer(Faults())
    elsewhere = {"Location": f"{other.url}/models", "x-amz-bucket-region": "eu-west-1"}
    first.route("s3", "/", lambda _: Answer(b"", status, headers=elsewhere))
    other.route("s3", "/", lambda _: Answer(b"<ListBucketResult/>", kind="application/xml"))
    for name, value in environment(first.url, tmp_path / "none").items():
        monkeypatch.setenv(name, value)
    try:
        with pytest.raises(WeightmarkError) as raised:
            resolved("s3://models/bert")
        assert not other.requests("s3")
        assert raised.value.exit is Exit.UNCHECKED
    finally:
        first.stop()
        other.stop()


def test_no_network_means_none() -> None:
    with pytest.raises(NetworkError, match="--offline"):
        open_source("s3://models/bert", offline=True)


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///x", "s3://UPPER/x", "s3://a..b/x", "s3://a/x\ny", "s3://user:pw@host/x"]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(CallError):
        ObjectAddress.parse(uri)


def test_a_question_mark_in_a_key_is_no_pin() -> None:
    assert ObjectAddress.parse("s3://abc/x?listing=12").prefix == "x?listing=12"
    pinned = ObjectAddress.parse("s3://abc/x").at("a" * 64)
    assert ObjectAddress.parse(pinned).listing == "a" * 64
