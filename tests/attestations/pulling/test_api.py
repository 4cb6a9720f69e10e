"""`weightmark.pull`: the same answers as the command, as values."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weightmark
from tests.attestations.gate_makers import EVIL_PICKLE, make_signed, preset
from tests.provenance.sources.conftest import hub as hub  # noqa: PLC0414 - a fixture
from tests.sim.hub import Hub, Lfs
from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
from weightmark.errors import CallError, MalformedError, NetworkError, PromiseBrokenError
from weightmark.provenance.identification import identify


def publish(hub: Hub, model: Path, name: str = "acme/bert") -> str:
    """Put a folder on the hub; return its address."""
    files = {
        path.relative_to(model).as_posix(): path.read_bytes()
        for path in sorted(model.rglob("*"))
        if path.is_file()
    }
    hub.add("models", name, {path: Lfs(data) for path, data in files.items()})
    return f"hf://{name}@main"


def test_what_a_policy_lets_through_is_placed(hub: Hub, tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    uri = publish(hub, model)
    pulled = weightmark.pull(uri, to=tmp_path / "copy", policy=preset("baseline"))
    assert pulled.placed
    assert pulled.snapshot.digest == {"gitCommit": hub.repositories["models", "acme/bert"].head}
    assert identify(tmp_path / "copy").identity == identify(model).identity


def test_a_refusal_is_a_value_and_nothing_is_placed(hub: Hub, tmp_path: Path) -> None:
    uri = publish(hub, make_signed(tmp_path / "model", scan=False, **{"x.pkl": EVIL_PICKLE}))
    pulled = weightmark.pull(uri, to=str(tmp_path / "copy"), policy=preset("baseline"))
    assert not pulled.placed
    assert pulled.decision.blocks
    assert not (tmp_path / "copy").exists()


def test_a_lock_is_followed_or_nothing_comes(hub: Hub, tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    uri = publish(hub, model)
    first = weightmark.pull(uri, to=tmp_path / "first", policy=preset("baseline"))
    locked = LockedArtifact.of(first.snapshot, first.delivery.manifest, first.delivery.sha256)
    lock = tmp_path / "weightmark.lock"
    LockFile((locked,)).write(lock)
    repository = hub.repositories["models", "acme/bert"]
    repository.commit({"other.bin": b"moved"})
    again = weightmark.pull(uri, to=tmp_path / "again", policy=preset("baseline"), lock=lock)
    assert again.delivery.manifest.identity == first.delivery.manifest.identity
    repository.commits[first.snapshot.digest["gitCommit"]]["config.json"] = b"[]"
    with pytest.raises(PromiseBrokenError):
        weightmark.pull(uri, to=tmp_path / "third", policy=preset("audit"), lock=lock)
    assert not (tmp_path / "third").exists()
    with pytest.raises(CallError, match="not in the lock"):
        weightmark.pull("hf://acme/x", to=tmp_path / "x", policy=preset("audit"), lock=lock)


def test_only_what_was_remembered_is_replaced(hub: Hub, tmp_path: Path) -> None:
    uri = publish(hub, make_signed(tmp_path / "model"))
    to, state = tmp_path / "copy", tmp_path / "state"
    weightmark.pull(uri, to=to, policy=preset("audit"), history=state)
    repository = hub.repositories["models", "acme/bert"]
    repository.commit({"config.json": b"{}", "new.txt": b"x"})
    with pytest.raises(CallError, match="not empty"):
        weightmark.pull(uri, to=to, policy=preset("audit"))
    assert weightmark.pull(uri, to=to, policy=preset("audit"), history=state).placed
    (to / "mine.txt").write_bytes(b"mine")
    repository.commit({"config.json": b"[]"})
    with pytest.raises(CallError, match="changed since"):
        weightmark.pull(uri, to=to, policy=preset("audit"), history=state)


def test_wrong_calls_are_errors_of_ours(hub: Hub, tmp_path: Path) -> None:
    uri = publish(hub, make_signed(tmp_path / "model"))
    calls: tuple[Callable[[], object], ...] = (
        lambda: weightmark.pull("ftp://x/y", to=tmp_path / "x", policy=preset("audit")),
        lambda: weightmark.pull(uri, to=tmp_path / "x" / "y" / "z", policy=preset("audit")),
        lambda: weightmark.pull(uri, to=tmp_path / "x", policy=preset("audit"), env="other"),
    )
    for call in calls:
        with pytest.raises((CallError, MalformedError)):
            call()
    with pytest.raises(CallError, match="empty"):
        weightmark.pull(uri, to="", policy=preset("audit"))
    with pytest.raises(NetworkError, match="--offline"):
        weightmark.pull(uri, to=tmp_path / "x", policy=preset("audit"), offline=True)


@pytest.mark.parametrize("uri", [None, b"hf://acme/bert", Path("model"), 7, ["hf://acme/bert"]])
def test_an_address_is_text(tmp_path: Path, uri: Any) -> None:
    with pytest.raises(TypeError, match="`uri` is one `str`"):
        weightmark.pull(uri, to=tmp_path / "x")


@pytest.mark.parametrize("policy", [None, 7, ["audit"]])
def test_a_policy_is_one_path_word_or_value(tmp_path: Path, policy: Any) -> None:
    with pytest.raises(TypeError, match="a path is"):
        weightmark.pull("hf://acme/bert", to=tmp_path / "x", policy=policy)


@pytest.mark.parametrize("word", ["history", "lock", "ledger"])
def test_what_steers_a_pull_lies_outside_of_what_it_places(tmp_path: Path, word: str) -> None:
    model = make_signed(tmp_path / "model")
    words: dict[str, Any] = {word: tmp_path / "to" / "x"}
    with pytest.raises(CallError, match="lies inside"):
        weightmark.pull(str(model), to=tmp_path / "to", policy=preset("audit"), **words)
    assert not (tmp_path / "to").exists()


def test_a_name_that_is_no_utf8_is_remembered_like_any_other(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    to = tmp_path / os.fsdecode(b"t\xff")
    for content in (b"[]", b"[1]"):
        (model / "config.json").write_bytes(content)
        pulled = weightmark.pull(
            str(model), to=to, policy=preset("audit"), history=tmp_path / "state"
        )
        assert pulled.placed
    assert (to / "config.json").read_bytes() == b"[1]"
