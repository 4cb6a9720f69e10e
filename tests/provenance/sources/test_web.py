"""`https://` against a server on loopback: one file, or a folder that its `SHA256SUMS` lists."""

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.faults import Fault
from tests.sim.website import Website
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    WeightmarkError,
)
from weightmark.provenance.sources.choice import is_pin_of, open_source, pinned_address
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.interface import Snapshot
from weightmark.provenance.sources.web.address import WebAddress
from weightmark.provenance.sources.web.listing import read_sums

BIG = bytes(range(256)) * 9000
SHA = hashlib.sha256(BIG).hexdigest()


@pytest.fixture
def site() -> Iterator[Website]:
    """A file, and a folder with a list."""
    with Website.running() as running:
        running.files["/one/model.bin"] = BIG
        running.files["/m/big.bin"] = BIG
        running.files["/m/sub/config.json"] = b"{}"
        running.sums("/m/")
        yield running


def resolved(uri: str) -> Snapshot:
    with open_source(uri) as source:
        return source.resolve()


def fetched(uri: str, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with open_source(uri) as source:
            for part in source.resolve().parts:
                name = part.path.replace("/", "-")
                fetch(source, part, name, folder=descriptor, where=uri, sleep=lambda _: None)
    finally:
        os.close(descriptor)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_file_is_fetched_and_pinned_to_its_version(site: Website, tmp_path: Path) -> None:
    uri = f"{site.url}/one/model.bin"
    snapshot = resolved(uri)
    assert [(one.path, one.size) for one in snapshot.parts] == [("model.bin", len(BIG))]
    assert fetched(uri, tmp_path / "to") == {"model.bin": BIG}
    assert is_pin_of(uri, snapshot.pinned, {})
    assert resolved(snapshot.pinned).pinned == snapshot.pinned
    site.files["/one/model.bin"] = BIG[::-1]
    with pytest.raises(PromiseBrokenError, match="not the version"):
        resolved(snapshot.pinned)


def test_a_folder_is_what_its_list_says(site: Website, tmp_path: Path) -> None:
    snapshot = resolved(f"{site.url}/m/")
    digest = hashlib.sha256(site.files["/m/SHA256SUMS"]).hexdigest()
    assert snapshot.pinned == f"{site.url}/m/#sha256={digest}"
    assert pinned_address(f"{site.url}/m/", "sha256", digest) == snapshot.pinned
    assert is_pin_of(f"{site.url}/m/", snapshot.pinned, snapshot.digest)
    assert fetched(snapshot.pinned, tmp_path / "to") == {"big.bin": BIG, "sub-config.json": b"{}"}


def test_a_list_that_changed_breaks_the_pin(site: Website) -> None:
    pinned = resolved(f"{site.url}/m/").pinned
    site.files["/m/more.bin"] = b"x"
    site.sums("/m/")
    with pytest.raises(PromiseBrokenError, match="not the list"):
        resolved(pinned)


def test_other_bytes_than_the_list_or_the_fragment_promise_are_refused(
    site: Website, tmp_path: Path
) -> None:
    site.files["/m/big.bin"] = BIG[:-1] + b"x"
    with pytest.raises(PromiseBrokenError, match="not what was promised"):
        fetched(f"{site.url}/m/", tmp_path / "list")
    with pytest.raises(PromiseBrokenError, match="not what was promised"):
        fetched(f"{site.url}/m/big.bin#sha256={SHA}", tmp_path / "fragment")


def test_a_version_that_changes_during_the_pull_is_refused_and_never_mixed(
    site: Website,
) -> None:
    with open_source(f"{site.url}/one/model.bin") as source:
        part = source.resolve().parts[0]
        blocks = source.read(part)
        next(blocks)
        blocks.close()
        site.files["/one/model.bin"] = BIG[::-1]
        for offset in (0, 100):
            with pytest.raises(PromiseBrokenError, match="changed since"):
                b"".join(source.read(part, offset))


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize(("tags", "error"), [(True, PromiseBrokenError), (False, NetworkError)])
def test_a_server_that_ignores_the_condition_can_not_glue_two_versions(
    site: Website, offset: int, tags: bool, error: type[WeightmarkError]
) -> None:
    """The first look has a tag; what is sent then names another, or none."""
    with open_source(f"{site.url}/one/model.bin") as source:
        part = source.resolve().parts[0]
        site.heeding, site.tags = False, tags
        site.files["/one/model.bin"] = BIG[::-1]
        with pytest.raises(error):
            b"".join(source.read(part, offset))


@contextmanager
def answering(head: str, body: bytes = BIG[:1000]) -> Iterator[str]:
    """Answer every request with these very bytes, then hang up; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(head.replace("\n", "\r\n").encode() + body)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def test_half_a_file_whose_end_is_nowhere_said_is_not_taken_for_whole(tmp_path: Path) -> None:
    with answering("HTTP/1.0 200 OK\n\n") as url:
        for address in (f"{url}/model.bin", f"{url}/m/"):
            with pytest.raises(NetworkError, match="how long"):
                fetched(address, tmp_path / "to")
        digest = hashlib.sha256(BIG[:1000]).hexdigest()
        assert fetched(f"{url}/model.bin#sha256={digest}", tmp_path / "sure")


@pytest.mark.parametrize("encoding", ["gzip", "gzip, chunked", "identity"])
def test_what_is_encoded_on_the_way_is_refused(tmp_path: Path, encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\nContent-Length: 1000\nTransfer-Encoding: {encoding}\n\n"
    with answering(head) as url, pytest.raises(NetworkError, match="encodes"):
        fetched(f"{url}/model.bin", tmp_path / "to")


def test_chunks_say_where_they_end(tmp_path: Path) -> None:
    head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
    with answering(head, b"3\r\n[1]\r\n0\r\n\r\n") as url:
        assert fetched(f"{url}/model.json", tmp_path / "to") == {"model.json": b"[1]"}


def test_without_a_tag_nothing_is_read_in_two_pieces(site: Website, tmp_path: Path) -> None:
    site.tags = False
    uri = f"{site.url}/one/model.bin"
    snapshot = resolved(uri)
    assert snapshot.pinned == uri
    assert fetched(uri, tmp_path / "whole") == {"model.bin": BIG}
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.bin").write_bytes(b"of an earlier version")
    assert fetched(uri, tmp_path / "torn") == {"model.bin": BIG}
    with open_source(uri) as source:
        part = source.resolve().parts[0]
        with pytest.raises(NetworkError, match="versions apart"):
            source.read(part, 7)


def test_what_broke_off_is_resumed(site: Website, tmp_path: Path) -> None:
    for name, uri in (("a", f"{site.url}/one/model.bin"), ("b", f"{site.url}/m/")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / ("model.bin" if name == "a" else "big.bin")).write_bytes(BIG[:1_000_000])
        assert BIG in fetched(uri, folder).values()
    ranges = [
        one.headers["range"] for one in site.server.requests("file") if "range" in one.headers
    ]
    assert ranges == ["bytes=1000000-"] * 2
    with open_source(f"{site.url}/one/model.bin") as source:
        part = source.resolve().parts[0]
        for offset in (0, 1, 1_000_000, len(BIG) - 1, len(BIG)):
            assert b"".join(source.read(part, offset)) == BIG[offset:]


def test_what_an_earlier_pull_left_is_no_beginning_of_something_else(
    site: Website, tmp_path: Path
) -> None:
    (tmp_path / "big.bin").write_bytes(b"x" * (len(BIG) + 1))
    (tmp_path / "sub-config.json").write_bytes(b"no")
    assert fetched(f"{site.url}/m/", tmp_path)["big.bin"] == BIG


def test_a_truncated_answer_is_asked_for_again(site: Website, tmp_path: Path) -> None:
    uri = f"{site.url}/one/model.bin"
    with open_source(uri) as source:
        part = source.resolve().parts[0]
        site.faults["file"] = Fault(Fault.down().kind, 1)
        descriptor = os.open(tmp_path, os.O_RDONLY)
        try:
            fetch(source, part, "m", folder=descriptor, where=uri, sleep=lambda _: None)
        finally:
            os.close(descriptor)
    assert (tmp_path / "m").read_bytes() == BIG


def test_what_is_sent_compressed_is_refused(site: Website) -> None:
    site.encoding = "gzip"
    with pytest.raises(NetworkError, match="encodes"):
        resolved(f"{site.url}/one/model.bin")


def test_a_redirect_is_followed_only_where_it_may_lead(site: Website) -> None:
    site.redirects["/latest/model.bin"] = "/one/model.bin"
    assert resolved(f"{site.url}/latest/model.bin").parts[0].size == len(BIG)
    for target in ("http://elsewhere.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd"):
        site.redirects["/bad"] = target
        with pytest.raises(NetworkError, match="redirects to"):
            resolved(f"{site.url}/bad")
    site.redirects["/bad"] = "/bad"
    with pytest.raises(NetworkError, match="more than"):
        resolved(f"{site.url}/bad")


def test_no_login_of_this_machine_is_sent(
    site: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret-of-tests\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    resolved(f"{site.url}/one/model.bin")
    assert all("authorization" not in one.headers for one in site.server.requests("file"))


def test_a_query_is_asked_with_and_told_to_nobody(site: Website) -> None:
    snapshot = resolved(f"{site.url}/one/model.bin?X-Signature=secret-of-tests")
    assert site.server.requests("file")[0].query == {"X-Signature": "secret-of-tests"}
    assert "secret" not in f"{snapshot!r}"
    site.files.clear()
    with pytest.raises(NetworkError) as told:
        resolved(f"{site.url}/one/model.bin?X-Signature=secret-of-tests")
    assert "secret" not in f"{told.value}{told.value.what}{told.value.why}{told.value.fix}"


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a//b", "a/./b", "x\x00y", "Model.SIG"])
def test_a_list_with_names_that_lead_out_is_refused(site: Website, name: str) -> None:
    site.files["/m/SHA256SUMS"] = f"{SHA}  {name}\n".encode()
    with pytest.raises(ArtifactRefusedError):
        resolved(f"{site.url}/m/")


@pytest.mark.parametrize(
    "data",
    [
        b"<html>hello</html>\n",
        b"\n",
        b"",
        f"\\{SHA}  a\\nb\n".encode(),
        f"{SHA} a\n".encode(),
        f"{SHA.upper()}  a\n".encode(),
        f"{SHA}  a\n\n".encode(),
        f"{SHA}  \xff\n".encode("latin-1"),
        f"{SHA}  a\n{SHA}  a\n".encode(),
        f"{SHA}  a\n{SHA}  a/b\n".encode(),
    ],
)
def test_what_is_no_list_is_refused(site: Website, data: bytes) -> None:
    site.files["/m/SHA256SUMS"] = data
    with pytest.raises(MalformedError):
        resolved(f"{site.url}/m/")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    try:
        parts = read_sums(data, "x")
    except WeightmarkError:
        return
    assert all(one.digests.keys() == {"sha256"} for one in parts)


@pytest.mark.parametrize(
    "uri",
    [
        "https://",
        "http://a.example/model.bin",
        "https://user:pw@a.example/x",
        "https://a.example/x#sha256=12",
        "https://a.example/x#fragment",
        "https://a.example/x y",
        "https://a.example:port/x",
        "https://[::1/x",
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(uri: str) -> None:
    with pytest.raises(CallError) as told:
        WebAddress.parse(uri)
    assert "pw" not in told.value.what


@pytest.mark.parametrize("path", ["", "/..", "/a%2Fb", "/%00", "/."])
def test_what_names_no_file_is_refused(site: Website, path: str) -> None:
    with pytest.raises(CallError):
        resolved(f"{site.url}{path}")


def test_no_network_means_none() -> None:
    with pytest.raises(NetworkError, match="--offline"):
        open_source("https://a.example/x", offline=True)
