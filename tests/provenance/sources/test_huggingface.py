"""The hub as a source: addresses, pins, promises, and a hub that lies."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.faults import Fault, FaultKind
from tests.sim.hub import Content, Hub, Lfs, Repository
from tests.sim.web import Answer
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    LimitError,
    MalformedError,
    NetworkError,
    NoInputError,
    PromiseBrokenError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.huggingface.address import HubAddress
from weightmark.provenance.sources.huggingface.listing import read_commit, read_files
from weightmark.provenance.sources.huggingface.owners import repositories_of
from weightmark.provenance.sources.interface import ArtifactKind, Part, Snapshot

WEIGHTS = b"weights" * 1000
FILES: dict[str, Content] = {"config.json": b"{}", "sub/model.safetensors": Lfs(WEIGHTS)}


@pytest.fixture
def repository(hub: Hub) -> Repository:
    return hub.add("models", "acme/bert", FILES)


def resolve(uri: str) -> Snapshot:
    with open_source(uri) as source:
        return source.resolve()


def content(uri: str, path: str, offset: int = 0) -> bytes:
    with open_source(uri) as source:
        snapshot = source.resolve()
        part = next(one for one in snapshot.parts if one.path == path)
        return b"".join(source.read(part, offset))


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "canonical"),
    [
        ("hf://acme/bert", "hf://models/acme/bert@main"),
        ("hf://models/acme/bert@v1.0", "hf://models/acme/bert@v1.0"),
        ("hf://datasets/acme/rows@refs/pr/3", "hf://datasets/acme/rows@refs/pr/3"),
        ("hf://spaces/acme/app", "hf://spaces/acme/app@main"),
        ("hf://gpt2", "hf://models/gpt2@main"),
    ],
)
def test_an_address_has_one_canonical_spelling(uri: str, canonical: str) -> None:
    assert HubAddress.parse(uri).uri == canonical


@pytest.mark.parametrize(
    "uri",
    [
        "hf://",
        "hf://acme/bert@",
        "hf://acme/bert@../main",
        "hf://acme/bert@a//b",
        "hf://acme/bert@$(id)",
        "hf://acme/../bert",
        "hf://acme/bert/more",
        "hf://user:secret@host/x/y",
        "hf://acme/bert?x=1",
        "hf://acme/bert#main",
        "hf://-acme/bert",
        "hf://acme/be--rt",
        "hf://acme/bert.git",
        "hf://acme/bert@main\nx",
        "hf://acme/bért",
        "http://acme/bert",
    ],
)
def test_what_is_no_address_is_a_wrong_call(uri: str) -> None:
    with pytest.raises(CallError):
        HubAddress.parse(uri)


@given(st.text(max_size=60))
def test_an_address_is_read_or_refused_and_never_leads_out_of_its_path(text: str) -> None:
    try:
        address = HubAddress.parse(f"hf://{text}")
    except CallError:
        return
    assert HubAddress.parse(address.uri) == address
    url = address.file_url("https://hub.example", "a b/c?d#e")
    assert url.startswith("https://hub.example/")
    assert "/../" not in url
    assert "?" not in url


# --- what the hub says ----------------------------------------------------------------------------


def test_a_branch_is_pinned_to_the_commit_that_it_is_now(hub: Hub, repository: Repository) -> None:
    snapshot = resolve("hf://acme/bert")
    assert snapshot.pinned == f"hf://models/acme/bert@{repository.head}"
    assert snapshot.digest == {"gitCommit": repository.head}
    assert snapshot.kind is ArtifactKind.MODEL


def test_large_files_are_promised_by_sha256_and_small_ones_as_git_names_them(
    hub: Hub, repository: Repository
) -> None:
    small, large = resolve(repository.uri).parts
    assert small.digests == {"gitBlob": "9e26dfeeb6e641a33dae4961196235bdb965b21b"}
    assert large.digests == {"sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    assert (small.size, large.size) == (2, len(WEIGHTS))


def test_a_moving_tag_is_read_at_the_commit_that_was_resolved(
    hub: Hub, repository: Repository
) -> None:
    with open_source(repository.uri) as source:
        snapshot = source.resolve()
        repository.commit({"config.json": b"[]"})
        assert b"".join(source.read(snapshot.parts[0])) == b"{}"


def test_a_commit_that_was_pushed_away_is_not_found(hub: Hub, repository: Repository) -> None:
    pinned = resolve(repository.uri).pinned
    old = repository.head
    repository.commit({"config.json": b"[]"})
    del repository.commits[old]
    with pytest.raises(NetworkError, match="404"):
        resolve(pinned)


def test_a_pinned_address_asks_for_no_branch(hub: Hub, repository: Repository) -> None:
    resolve(f"hf://acme/bert@{repository.head}")
    assert not [one for one in hub.asked("api") if "/revision/" in one.path]


@pytest.mark.parametrize("folder", ["datasets", "spaces"])
def test_datasets_and_spaces_are_read_like_models(hub: Hub, folder: str) -> None:
    repository = hub.add(folder, "acme/rows", {"data.csv": b"a,b\n"})
    assert content(repository.uri, "data.csv") == b"a,b\n"


def test_a_listing_of_several_pages_is_read_to_its_end(hub: Hub) -> None:
    hub.page = 3
    files = {f"f{number:02}": b"%d" % number for number in range(10)}
    repository = hub.add("models", "acme/many", files)
    assert [part.path for part in resolve(repository.uri).parts] == sorted(files)


def test_a_listing_that_continues_at_another_host_is_refused(
    hub: Hub, repository: Repository
) -> None:
    hub.page, hub.next_page = 1, f"{hub.elsewhere.url}/api/models/acme/bert/tree/x"
    with pytest.raises(NetworkError, match="another host"):
        resolve(repository.uri)


def test_an_empty_repository_is_nothing(hub: Hub) -> None:
    repository = hub.add("models", "acme/none", {})
    with pytest.raises(NoInputError):
        resolve(repository.uri)


def test_what_lies_outside_of_an_artifact_is_left_out_and_named(hub: Hub) -> None:
    files = {"config.json": b"{}", ".cache/huggingface/x": b"y"}
    snapshot = resolve(hub.add("models", "acme/odd", files).uri)
    assert [part.path for part in snapshot.parts] == ["config.json"]
    assert snapshot.omitted == (".cache/huggingface/x",)


@pytest.mark.parametrize(
    "path", ["../escape", "/etc/passwd", "a/../../b", "a//b", "a/./b", "x\0y", "Model.Sig", ""]
)
def test_a_listed_path_that_leads_out_is_refused_before_anything_is_fetched(
    hub: Hub, repository: Repository, path: str
) -> None:
    repository.more_entries = [{"type": "file", "path": path, "size": 1, "oid": "a" * 40}]
    with pytest.raises(ArtifactRefusedError):
        resolve(repository.uri)
    assert not hub.asked("file")


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "file", "path": "config.json", "size": 2, "oid": "a" * 40},
        {"type": "file", "path": "sub", "size": 2, "oid": "a" * 40},
        {"type": "file", "path": "x", "size": -1, "oid": "a" * 40},
        {"type": "file", "path": "x", "size": True, "oid": "a" * 40},
        {"type": "file", "path": "x", "size": 1, "oid": "a" * 39},
        {"type": "file", "path": "x", "size": 1, "oid": "A" * 40},
        {"type": "file", "path": "x", "size": 1},
        {"type": "file", "path": 7, "size": 1, "oid": "a" * 40},
        {"type": "file", "path": "x", "size": 1, "oid": "a" * 40, "lfs": {"oid": "b" * 64}},
        {"type": "file", "path": "x", "size": 1, "oid": "a" * 40, "lfs": []},
        {"type": "link", "path": "x"},
        "words",
        None,
    ],
)
def test_a_listing_that_can_be_read_in_two_ways_is_refused(
    hub: Hub, repository: Repository, entry: dict[str, object]
) -> None:
    repository.more_entries = [entry]
    with pytest.raises(MalformedError):
        resolve(repository.uri)


@given(st.binary(max_size=200))
def test_answers_are_read_or_refused(data: bytes) -> None:
    for read in (read_commit, read_files):
        try:
            read(data, "hub")
        except WeightmarkError:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "path", "size", "oid", "lfs", "sha"]), inner, max_size=5
            )
        ),
        max_leaves=12,
    )
)
def test_listings_of_any_shape_give_sound_parts_or_an_error(document: object) -> None:
    import json

    data = json.dumps([document]).encode()
    try:
        parts = read_files(data, "hub")
    except WeightmarkError:
        return
    assert all(type(part.size) is int for part in parts)


# --- access ---------------------------------------------------------------------------------------


def test_a_gated_repository_opens_to_the_token(
    hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.gated, hub.token = True, "hf_secret"
    with pytest.raises(NetworkError) as refused:
        resolve(repository.uri)
    assert "gated" in refused.value.why
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert content(repository.uri, "config.json") == b"{}"


def test_a_wrong_token_is_refused_and_not_repeated_to_the_caller(
    hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.private, hub.token = True, "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(NetworkError) as refused:
        resolve(repository.uri)
    error = refused.value
    assert "hf_wrong" not in f"{error.what} {error.why} {error.fix} {error.__cause__!r}"


def test_a_redirect_to_another_host_does_not_get_the_token(
    hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.private, hub.token = True, "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert content(repository.uri, "sub/model.safetensors") == WEIGHTS
    (stored,) = hub.asked("storage")
    assert "authorization" not in stored.headers
    assert all("authorization" in one.headers for one in hub.asked("file"))


def test_a_redirect_that_never_ends_is_given_up(hub: Hub, repository: Repository) -> None:
    hub.location = f"{hub.url}/acme/bert/resolve/main/sub/model.safetensors"
    with pytest.raises(NetworkError, match="redirects more than"):
        content(repository.uri, "sub/model.safetensors")


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://example.com/x"]
)
def test_a_redirect_to_no_tls_or_no_web_address_is_refused(
    hub: Hub, repository: Repository, location: str
) -> None:
    hub.location = location
    with pytest.raises(NetworkError, match="redirects to"):
        content(repository.uri, "sub/model.safetensors")


def test_a_presigned_address_is_not_repeated_to_the_caller(
    hub: Hub, repository: Repository
) -> None:
    hub.faults["storage"] = Fault(FaultKind.STATUS, status=403)
    with pytest.raises(NetworkError) as refused:
        content(repository.uri, "sub/model.safetensors")
    assert "presigned-secret" not in str(refused.value) + refused.value.why + refused.value.fix


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_asked_again(hub: Hub, repository: Repository, status: int) -> None:
    hub.faults["api"] = Fault(FaultKind.STATUS, status=status)
    with pytest.raises(NetworkError, match=str(status)):
        resolve(repository.uri)
    assert len(hub.asked("api")) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again(hub: Hub, repository: Repository, status: int) -> None:
    hub.faults["api"] = Fault(FaultKind.STATUS, times=2, status=status)
    assert resolve(repository.uri).parts


@pytest.mark.parametrize("kind", [FaultKind.HTML, FaultKind.LIE])
def test_a_captive_portal_is_no_hub(hub: Hub, repository: Repository, kind: FaultKind) -> None:
    hub.faults["api"] = Fault(kind)
    if kind is FaultKind.LIE:
        repository.promised["config.json"] = {"oid": "z"}
    with pytest.raises(MalformedError):
        resolve(repository.uri)


def test_an_answer_that_does_not_end_is_cut_off(hub: Hub, repository: Repository) -> None:
    hub.faults["api"] = Fault(FaultKind.HUGE)
    with pytest.raises(LimitError):
        resolve(repository.uri)


@pytest.mark.parametrize("switch", ["", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_no_network_means_no_hub(
    switch: str, hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    if switch:
        monkeypatch.setenv(switch, "1")
    with (
        pytest.raises(NetworkError, match="does not lie in the hub's cache"),
        open_source(repository.uri, offline=not switch) as source,
    ):
        source.resolve()
    with pytest.raises(NetworkError, match="cannot be fetched"):
        open_source(repository.uri, offline=not switch, current=True)
    assert not hub.asked("api")


def test_a_scheme_that_nobody_knows_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="gopher"):
        open_source("gopher://acme/bert")


# --- xet ------------------------------------------------------------------------------------------

_READS = """
import sys
installed, uri = sys.argv[1:]
if installed == "without":
    sys.modules["hf_xet"] = None
from weightmark.provenance.sources import choice
with choice.open_source(uri) as source:
    (part,) = source.resolve().parts
    assert set(part.digests) == {"sha256"}
    sys.stdout.buffer.write(b"".join(source.read(part)))
assert sys.modules.get("hf_xet") is None
"""


@pytest.mark.parametrize("installed", ["with", "without"])
def test_what_xet_keeps_is_read_by_its_plain_address_and_held_against_sha256(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    """Whether or not `hf_xet` is installed and switched on."""
    monkeypatch.delenv("HF_HUB_DISABLE_XET")
    repository = hub.add("models", "acme/xet", {"m.bin": Lfs(WEIGHTS, xet="ab" * 32)})
    command = [sys.executable, "-c", _READS, installed, repository.uri]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == WEIGHTS
    assert not [one for one in hub.asked("api") if "xet-read-token" in one.path]


def test_what_xet_keeps_and_serves_otherwise_is_found(hub: Hub, tmp_path: Path) -> None:
    repository = hub.add("models", "acme/xet", {"m.bin": Lfs(WEIGHTS, xet="ab" * 32)})
    repository.served["m.bin"] = b"evil!!!" * 1000
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with open_source(repository.uri) as source:
            (part,) = source.resolve().parts
            with pytest.raises(PromiseBrokenError):
                fetch(source, part, "f", folder=descriptor, where=repository.uri)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("lfs", [None, {"oid": None, "size": 7}])
def test_what_only_xet_has_a_hash_of_is_not_accepted(hub: Hub, lfs: object) -> None:
    """Its hash is one over chunks: the name that git gives the pointer would promise other bytes."""
    repository = hub.add("models", "acme/xet", {"m.bin": Lfs(WEIGHTS, xet="ab" * 32)})
    repository.promised["m.bin"] = {"lfs": lfs}
    with pytest.raises((UnsupportedError, MalformedError), match=r"m\.bin|without path, size"):
        resolve(repository.uri)


def test_what_the_hub_serves_by_xet_only_is_said_before_anything_is_fetched(hub: Hub) -> None:
    repository = hub.add("models", "acme/huge", {"m.bin": Lfs(WEIGHTS, xet="ab" * 32)})
    size = 50 * 1000**3 + 1
    repository.promised["m.bin"] = {"lfs": {"oid": "0" * 64, "size": size, "pointerSize": 1}}
    with open_source(repository.uri) as source:
        (part,) = source.resolve().parts
        with pytest.raises(UnsupportedError, match="over 50 GB") as raised:
            source.read(part)
    assert "hf download acme/huge" in raised.value.fix
    assert not hub.asked("file")


# --- content --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("path", ["config.json", "sub/model.safetensors"])
def test_reading_from_an_offset_gives_the_rest(
    hub: Hub, repository: Repository, path: str, ranges: bool
) -> None:
    hub.ranges = ranges
    whole = content(repository.uri, path)
    assert content(repository.uri, path, 1) == whole[1:]


def test_names_with_signs_that_mean_something_in_addresses_are_read(hub: Hub) -> None:
    files = {"a b.txt": b"1", "c?d.txt": b"2", "e#f.txt": b"3", "g%20h.txt": b"4", "ü.txt": b"5"}
    repository = hub.add("models", "acme/signs", files)
    for path, data in files.items():
        assert content(repository.uri, path) == data


def test_a_local_folder_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f").write_bytes(b"words")
    (tmp_path / "model.claims").write_bytes(b"")
    with open_source(str(tmp_path)) as source:
        snapshot = source.resolve()
        assert [part.path for part in snapshot.parts] == ["model.claims", "sub/f"]
        assert b"".join(source.read(snapshot.parts[1], 2)) == b"rds"


def test_a_part_never_promises_by_a_digest_that_is_none() -> None:
    with pytest.raises(MalformedError):
        Snapshot.of("u", "p", (Part("f", 1, {"md5": "a" * 32}),), digest={})


@pytest.mark.parametrize(
    "name", ["acme/one@refs/pr/1", "acme/one@main", "models/acme/one", "evil/one"]
)
def test_a_list_of_an_owner_names_repositories_and_nothing_else(hub: Hub, name: str) -> None:
    listed = [{"id": name}]
    hub.server.route("api", "/api/models", lambda _: Answer.of(listed))
    with pytest.raises(MalformedError, match="no repository of"):
        repositories_of("acme")


def test_a_list_of_an_owner_that_leads_round_in_circles_ends(hub: Hub) -> None:
    link = {"Link": f'<{hub.url}/api/models?author=acme&x=1>; rel="next"'}
    hub.server.route("api", "/api/models", lambda _: Answer(b"[]", headers=link))
    with pytest.raises(MalformedError, match="circles"):
        repositories_of("acme")
    assert len(hub.server.requests("api")) < 5
