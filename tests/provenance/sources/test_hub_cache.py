"""The hub's own cache as a source: what its client laid out is read, and what somebody else did to it is found."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.hub import Content, Hub, Lfs, Repository
from tests.sim.hub_cache import lay_out, share
from tests.sim.hub_client import download
from weightmark.attestations.inventory.promises import promise_of
from weightmark.errors import (
    ArtifactRefusedError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    ReadError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.hub_storage import hub_cache
from weightmark.provenance.identification import identify
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.huggingface.cache import HubCacheSource
from weightmark.provenance.sources.huggingface.listing import read_kept_files
from weightmark.provenance.sources.interface import Snapshot

WEIGHTS = b"weights" * 1000
FILES: dict[str, Content] = {
    "config.json": b"{}",
    "sub/model.safetensors": Lfs(WEIGHTS),
    ".gitattributes": b"*.safetensors filter=lfs\n",
}
URI = "hf://acme/bert"


@pytest.fixture
def repository() -> Repository:
    made = Repository("models", "acme/bert")
    made.commit(FILES)
    return made


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("HF_HUB_CACHE", str(place))
    return place


@pytest.fixture
def snapshot(repository: Repository, cache: Path) -> Path:
    return lay_out(repository, cache)


def resolve(uri: str = URI) -> Snapshot:
    with open_source(uri, offline=True) as source:
        return source.resolve()


def content(path: str) -> bytes:
    with open_source(URI, offline=True) as source:
        part = next(one for one in source.resolve().parts if one.path == path)
        return b"".join(source.read(part))


def checked() -> Path:
    return HubCacheSource(URI).checked()[1]


def blob_of(link: Path) -> Path:
    return link.parent / link.readlink()


# --- as the client lays it out --------------------------------------------------------------------


def laid_out(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = path.readlink().as_posix()
        elif path.suffix == ".json":
            found[name] = json.loads(path.read_bytes())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_the_stand_in_is_laid_out_as_the_clients_own_cache(hub: Hub, tmp_path: Path) -> None:
    repository = hub.add("models", "acme/bert", FILES)
    download(hub, "acme/bert", tmp_path / "real", local=False)
    lay_out(repository, tmp_path / "made")
    name = "models--acme--bert"
    assert laid_out(tmp_path / "real" / name) == laid_out(tmp_path / "made" / name)


@pytest.mark.parametrize(
    "said",
    [
        {"HF_HUB_CACHE": "/a/$WHERE/c"},
        {"HUGGINGFACE_HUB_CACHE": "/legacy"},
        {"HF_HUB_CACHE": "/new", "HUGGINGFACE_HUB_CACHE": "/legacy", "HF_HOME": "/home"},
        {"HF_HOME": "~/hf"},
        {"XDG_CACHE_HOME": "/xdg"},
        {},
    ],
)
def test_the_cache_is_looked_for_where_the_client_keeps_it(
    said: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**said, "WHERE": "b"}.items():
        monkeypatch.setenv(name, value)
    script = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert str(hub_cache(os.environ)) == done.stdout.strip()


def test_a_revision_is_the_commit_that_the_client_wrote_down(
    snapshot: Path, repository: Repository
) -> None:
    found = resolve()
    assert found.pinned == f"hf://models/acme/bert@{repository.head}"
    assert found.digest == {"gitCommit": repository.head}
    assert {part.path for part in found.parts} == set(FILES)
    assert content("sub/model.safetensors") == WEIGHTS
    assert checked() == snapshot


def test_a_commit_is_found_without_any_name_for_it(
    snapshot: Path, cache: Path, repository: Repository
) -> None:
    shutil.rmtree(cache / "models--acme--bert" / "refs")
    assert resolve(f"{URI}@{repository.head}").digest == {"gitCommit": repository.head}


def test_a_cache_without_links_is_read_as_well(snapshot: Path) -> None:
    """As the client makes it where links can't be made."""
    for path in snapshot.rglob("*"):
        if path.is_symlink():
            blob = blob_of(path)
            path.unlink()
            shutil.copy(blob, path)
    assert content("sub/model.safetensors") == WEIGHTS
    assert checked() == snapshot


def test_what_is_not_in_the_cache_is_not_asked_for_anywhere(snapshot: Path) -> None:
    for uri in ("hf://acme/other", f"{URI}@v2", f"{URI}@{'0' * 40}", "hf://datasets/acme/bert"):
        with pytest.raises(NetworkError, match="does not lie in the hub's cache"):
            resolve(uri)


# --- blobs that repositories share ----------------------------------------------------------------


def test_blobs_that_repositories_share_have_the_same_identity(
    snapshot: Path, cache: Path, tmp_path: Path
) -> None:
    """Version 2 of the client keeps what it fetched by xet once for all repositories."""
    before = identify(snapshot).identity
    share(cache, blob_of(snapshot / "sub/model.safetensors"))
    assert identify(snapshot).identity == before
    assert checked() == snapshot
    assert content("sub/model.safetensors") == WEIGHTS
    artifact = open_artifact(snapshot)
    assert promise_of(artifact, named_by_digest=False) == ("kept", ())


def test_the_clients_own_store_of_shared_blobs_is_read(
    snapshot: Path, cache: Path, repository: Repository
) -> None:
    before, blob = identify(snapshot).identity, blob_of(snapshot / "sub/model.safetensors")
    script = (
        "import sys; from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store as publish\n"
        "blob, cache, size = sys.argv[1:]\n"
        "assert publish(blob_path=blob, xet_hash='ab' * 32, cache_dir=cache, expected_size=int(size))"
    )
    words = [str(Path(os.path.abspath(blob))), str(cache), str(len(WEIGHTS))]  # noqa: PTH100 - links stay
    subprocess.run([sys.executable, "-c", script, *words], check=True)
    assert blob.is_symlink()
    assert identify(snapshot).identity == before
    assert checked() == snapshot


def test_a_shared_blob_that_was_changed_is_found(snapshot: Path, cache: Path) -> None:
    stored = share(cache, blob_of(snapshot / "sub/model.safetensors"))
    stored.write_bytes(WEIGHTS[:-1] + b"!")
    with pytest.raises(PromiseBrokenError, match=r"sub/model\.safetensors"):
        checked()
    assert promise_of(open_artifact(snapshot), named_by_digest=False)[0] == "broken"


def test_a_folder_that_only_looks_like_the_shared_store_is_not_read(
    snapshot: Path, cache: Path
) -> None:
    share(cache, blob_of(snapshot / "sub/model.safetensors"))
    (cache / "blobs" / ".huggingface-shared-blobs").unlink()
    with pytest.raises(ArtifactRefusedError, match="leaves the artifact"):
        resolve()


# --- a part of it ---------------------------------------------------------------------------------


def _no_link(snapshot: Path) -> None:
    (snapshot / "sub/model.safetensors").unlink()


def _no_blob(snapshot: Path) -> None:
    blob_of(snapshot / "sub/model.safetensors").unlink()


@pytest.mark.parametrize("spoil", [_no_link, _no_blob])
def test_a_part_of_a_revision_is_not_the_artifact(
    spoil: Callable[[Path], None], snapshot: Path
) -> None:
    spoil(snapshot)
    with pytest.raises(UncheckedError, match="lacks `sub") as raised:
        resolve()
    assert "2 of 3" in raised.value.why


def test_without_a_list_nobody_knows_what_the_whole_is(snapshot: Path, cache: Path) -> None:
    """As an older client leaves it, and one that fetched single files."""
    shutil.rmtree(cache / "models--acme--bert" / "trees")
    with pytest.raises(UncheckedError, match="which files") as raised:
        resolve()
    assert str(snapshot) in raised.value.fix


# --- a poisoned cache -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["config.json", "sub/model.safetensors"])
def test_a_blob_with_other_bytes_is_found(path: str, snapshot: Path) -> None:
    blob = blob_of(snapshot / path)
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(PromiseBrokenError, match="not what was promised"):
        checked()


def test_a_blob_under_another_name_is_found_without_reading_it(snapshot: Path) -> None:
    """The list and the bytes may both have been forged, and the link has its old name."""
    link = snapshot / "sub/model.safetensors"
    other = blob_of(link).with_name("ab" * 32)
    other.write_bytes(WEIGHTS)
    link.unlink()
    link.symlink_to(Path("../../../blobs") / other.name)
    with pytest.raises(PromiseBrokenError, match="another file than its list says"):
        resolve()


def test_a_blob_that_is_a_link_to_another_blob_is_found_by_the_inventory(snapshot: Path) -> None:
    """The bytes are what the last name says, and not what the name says that the snapshot links to."""
    blob = blob_of(snapshot / "sub/model.safetensors")
    blob.unlink()
    blob.symlink_to(blob_of(snapshot / "config.json").name)
    assert promise_of(open_artifact(snapshot), named_by_digest=False)[0] == "broken"
    with pytest.raises(PromiseBrokenError):
        checked()


def _to_a_secret(snapshot: Path) -> None:
    secret = snapshot.parents[3] / "secret"
    secret.write_bytes(WEIGHTS)
    link = snapshot / "sub/model.safetensors"
    link.unlink()
    link.symlink_to(secret)


def _to_another_repository(snapshot: Path) -> None:
    other = snapshot.parents[2] / "models--acme--other" / "blobs" / "x"
    other.parent.mkdir(parents=True)
    other.write_bytes(WEIGHTS)
    link = snapshot / "sub/model.safetensors"
    link.unlink()
    link.symlink_to(other)


def _to_another_file(snapshot: Path) -> None:
    link = snapshot / "sub/model.safetensors"
    link.unlink()
    (snapshot / "real").write_bytes(WEIGHTS)
    link.symlink_to("../real")


@pytest.mark.parametrize("spoil", [_to_a_secret, _to_another_repository, _to_another_file])
def test_a_link_leads_to_a_blob_of_its_repository_or_nowhere(
    spoil: Callable[[Path], None], snapshot: Path
) -> None:
    spoil(snapshot)
    with pytest.raises(ArtifactRefusedError):
        resolve()


def test_a_folder_that_is_a_link_is_not_followed(snapshot: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "model.safetensors").write_bytes(WEIGHTS)
    shutil.rmtree(snapshot / "sub")
    (snapshot / "sub").symlink_to(elsewhere)
    with pytest.raises(ReadError):
        content("sub/model.safetensors")
    with pytest.raises(WeightmarkError):
        checked()


def test_a_snapshot_that_is_a_link_is_refused(snapshot: Path, tmp_path: Path) -> None:
    snapshot.rename(tmp_path / "moved")
    snapshot.symlink_to(tmp_path / "moved")
    with pytest.raises(ArtifactRefusedError, match="is a link"):
        resolve()


@pytest.mark.parametrize("name", ["handler.py", "sub/extra.bin", "model.claims"])
def test_a_file_that_the_list_does_not_name_is_found(name: str, snapshot: Path) -> None:
    (snapshot / name).write_bytes(b"import os\n")
    with pytest.raises(PromiseBrokenError, match="does not name it"):
        checked()


@pytest.mark.parametrize("said", [b"../../elsewhere", b"main", b"", b"\xff" * 40, b"0" * 39])
def test_a_name_that_stands_for_no_commit_leads_nowhere(
    said: bytes, snapshot: Path, cache: Path
) -> None:
    (cache / "models--acme--bert" / "refs" / "main").write_bytes(said)
    with pytest.raises(UncheckedError, match="names no commit"):
        resolve()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"not JSON", MalformedError),
        (b'{"format_version": 2, "files": {}}', UnsupportedError),
        (b'{"format_version": 1, "files": []}', MalformedError),
        (b'{"format_version": 1, "files": {"x": {"size": 1}}}', MalformedError),
        (b'{"format_version": 1, "files": {"x": {"size": 1, "blob_id": "ab"}}}', MalformedError),
        (
            b'{"format_version": 1, "files": {"../x": {"size": 1, "blob_id": "%s"}}}' % (b"a" * 40),
            ArtifactRefusedError,
        ),
        (
            b'{"format_version": 1, "files": {"x": {"size": 1, "blob_id": "%s", "xet_hash": "%s"}}}'
            % (b"a" * 40, b"b" * 64),
            UnsupportedError,
        ),
    ],
)
def test_a_list_that_is_none_is_refused(
    said: bytes, error: type[WeightmarkError], snapshot: Path, cache: Path
) -> None:
    (cache / "models--acme--bert" / "trees" / f"{snapshot.name}.json").write_bytes(said)
    with pytest.raises(error):
        resolve()


_ENTRY = st.dictionaries(
    st.sampled_from(["size", "blob_id", "lfs_sha256", "lfs_size", "xet_hash"]),
    st.one_of(st.none(), st.integers(), st.text(max_size=70), st.just("a" * 64)),
)


@given(st.one_of(st.binary(max_size=200), st.dictionaries(st.text(max_size=9), _ENTRY)))
def test_any_list_is_read_or_refused_and_every_file_has_a_digest(said: object) -> None:
    data = (
        said
        if isinstance(said, bytes)
        else json.dumps({"format_version": 1, "files": said}).encode()
    )
    try:
        parts = read_kept_files(data, "x")
    except WeightmarkError:
        return
    assert all(part.digests and type(part.size) is int for part in parts)


# --- as a store of bytes for what the hub promised ------------------------------------------------


def fetched(uri: str) -> bytes:
    with open_source(uri) as source:
        part = next(one for one in source.resolve().parts if one.path.endswith("safetensors"))
        return b"".join(source.read(part, 5))


def test_what_lies_in_the_cache_as_promised_is_not_fetched_again(hub: Hub, cache: Path) -> None:
    repository = hub.add("models", "acme/bert", FILES)
    lay_out(repository, cache)
    assert fetched(repository.uri) == WEIGHTS[5:]
    assert not hub.asked("file")


def test_a_poisoned_blob_is_fetched_from_the_hub_instead(hub: Hub, cache: Path) -> None:
    repository = hub.add("models", "acme/bert", FILES)
    snapshot = lay_out(repository, cache)
    blob_of(snapshot / "sub/model.safetensors").write_bytes(b"evil!!!" * 1000)
    assert fetched(repository.uri) == WEIGHTS[5:]
    assert hub.asked("file")


def test_a_blob_of_promised_sha1_alone_is_not_taken(hub: Hub, cache: Path) -> None:
    repository = hub.add("models", "acme/bert", {"config.json": b"{}"})
    lay_out(repository, cache)
    with open_source(repository.uri) as source:
        (part,) = source.resolve().parts
        assert b"".join(source.read(part)) == b"{}"
    assert hub.asked("file")


def test_a_blob_that_is_a_fifo_holds_nobody_up(hub: Hub, cache: Path) -> None:
    repository = hub.add("models", "acme/bert", FILES)
    blob = blob_of(lay_out(repository, cache) / "sub/model.safetensors")
    blob.unlink()
    os.mkfifo(blob)
    assert fetched(repository.uri) == WEIGHTS[5:]
