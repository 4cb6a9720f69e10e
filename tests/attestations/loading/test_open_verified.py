"""Verified loading: tensors come out as they were signed, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import key, make_tree, predicates, sign, signer
from tests.attestations.loading.makers import (
    WEIGHTS,
    contents,
    loaded,
    model,
    overwrite,
    safetensors,
    sharded,
    signed,
    without_manifest,
    without_table,
)
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.loading.arrays.choice import choose_form
from weightmark.attestations.loading.releases import Release
from weightmark.attestations.loading.tensors import VerifiedTensors
from weightmark.attestations.policy.load import load_preset
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    ExtraMissingError,
    LimitError,
    NoSignatureError,
    NothingCheckedError,
    RefusedError,
    TamperedError,
    TrustNotSaidError,
    UncheckedError,
    UnsupportedError,
)
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.log import Ledger


def test_every_tensor_comes_out_as_it_was_signed(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    assert predicates(tree / "model.claims") == ["manifest/v1", "scan/v1", "tensors/v1"]
    assert contents(loaded(tree)) == WEIGHTS


def test_the_public_function_says_whose_and_which_release_it_is(tmp_path: Path) -> None:
    tree = model(tmp_path / "m")
    made = sign(tree)
    with weightmark.open_verified(tree, key=key().public, framework="bytes") as tensors:
        assert tensors.identity == made.manifest.identity
        assert tensors.signers == (made.signer,)
        assert tensors.framework == "bytes"
        assert bytes(tensors["a"].data) == WEIGHTS["a"]


def test_a_single_file_is_opened_by_its_own_claims(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(safetensors())
    sign(file)
    assert contents(loaded(file)) == WEIGHTS
    overwrite(file, b"bbbb", b"evil")
    with loaded(file) as tensors, pytest.raises(TamperedError):
        tensors["b"]


def test_shards_are_joined_by_their_index(tmp_path: Path) -> None:
    tree = sharded(tmp_path / "m")
    sign(tree)
    assert contents(loaded(tree)) == {"a": b"aaaa", "b": b"bb"}
    assert contents(loaded(tree, file="two.safetensors")) == {"b": b"bb"}


def test_a_hub_cache_is_opened_through_its_storage(tmp_path: Path) -> None:
    revision = tmp_path / "models--x" / "snapshots" / ("0" * 40)
    blobs = make_tree(tmp_path / "models--x" / "blobs", {"w": safetensors(), "c": b"{}"})
    revision.mkdir(parents=True)
    for name, blob in (("model.safetensors", "w"), ("config.json", "c")):
        (revision / name).symlink_to(Path("../../blobs", blob))
    sign(revision)
    assert contents(loaded(revision)) == WEIGHTS
    overwrite(blobs / "w", b"bbbb", b"evil")
    with loaded(revision) as tensors, pytest.raises(TamperedError):
        tensors["b"]


def test_a_tensor_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    overwrite(tree / "model.safetensors", b"bbbb", b"evil")
    with loaded(tree) as tensors:
        assert bytes(tensors["a"].data) == WEIGHTS["a"]
        assert tensors.facts("b").size == 4
        with pytest.raises(TamperedError, match="tensor `b`"):
            tensors["b"]


@pytest.mark.parametrize("leave", [without_table, without_manifest])
def test_without_tensor_digests_the_whole_file_is_checked_first(
    tmp_path: Path, leave: Callable[[Path], Path]
) -> None:
    good = without_table(leave(signed(tmp_path / "good")))
    assert contents(loaded(good)) == WEIGHTS
    overwrite(good / "model.safetensors", b"bbbb", b"evil")
    with pytest.raises(RefusedError):
        loaded(good)


def test_over_the_memory_limit_it_refuses_and_names_the_command(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    size = (tree / "model.safetensors").stat().st_size
    assert contents(loaded(tree, memory_limit=0)) == WEIGHTS
    without_table(tree)
    assert contents(loaded(tree, memory_limit=size)) == WEIGHTS
    with pytest.raises(LimitError) as refused:
        loaded(tree, memory_limit=size - 1)
    assert f"weightmark sign {tree} --key KEY" in refused.value.fix


def test_the_limit_holds_for_all_shards_together(tmp_path: Path) -> None:
    tree = sharded(tmp_path / "m")
    sign(tree)
    without_table(tree)
    total = sum((tree / name).stat().st_size for name in ("one.safetensors", "two.safetensors"))
    assert len(loaded(tree, memory_limit=total)) == 2
    with pytest.raises(LimitError):
        loaded(tree, memory_limit=total - 1)


def test_signing_once_more_replaces_the_table(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    (tree / "model.safetensors").write_bytes(safetensors({"c": b"new"}))
    sign(tree)
    assert predicates(tree / "model.claims").count("tensors/v1") == 1
    assert contents(loaded(tree)) == {"c": b"new"}


def test_a_policy_decides_before_anything_is_loaded(tmp_path: Path) -> None:
    tree = model(tmp_path / "m")
    sign(tree, scan=True)
    with weightmark.open_verified(
        tree, policy="baseline", key=key().public, framework="bytes"
    ) as tensors:
        assert bytes(tensors["b"].data) == WEIGHTS["b"]
    (tree / "bad.pkl").write_bytes(b"cposix\nsystem\n(S'echo harmless'\ntR.")
    sign(tree)
    weightmark.open_verified(tree, key=key().public).close()
    with pytest.raises(RefusedError, match="refused by policy `baseline`"):
        weightmark.open_verified(tree, policy="baseline", key=key().public)


def test_a_policy_consults_the_ledger_that_is_named(tmp_path: Path) -> None:
    tree, place = model(tmp_path / "m"), tmp_path / "ledger"
    made = sign(tree, scan=True)
    with pytest.raises(CallError, match="none is named"):
        weightmark.open_verified(tree, ledger=place, key=key().public)
    with pytest.raises(CallError):
        weightmark.open_verified(tree, policy="baseline", ledger=place, key=key().public)
    submitters = [Submitter.from_pem(key().public.pem)]
    with Ledger.create(place, origin="example.com/models", submitters=submitters) as ledger:
        (entry, *_) = submit(ledger, made.claims, signer())
    weightmark.open_verified(tree, policy="baseline", ledger=place, key=key().public).close()
    (place / "claims" / entry.event.claim_sha256).unlink()
    with pytest.raises(UncheckedError):
        weightmark.open_verified(tree, policy="baseline", ledger=place, key=key().public)


def test_a_policy_that_only_warns_does_not_load_what_it_would_deny(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    overwrite(tree / "model.safetensors", b"bbbb", b"evil")
    warning = load_preset("audit")
    with pytest.raises((RefusedError, UncheckedError)):
        weightmark.open_verified(tree, policy=warning, key=key().public)


def test_a_policy_without_signatures_loads_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "p.toml"
    rules.write_text("version = 1\n[scan]\nrequired = true\nunsupported = 'allow'\n")
    tree = model(tmp_path / "m")
    assert weightmark.gate(tree, policy=rules).allows
    with pytest.raises(UncheckedError, match="without a signature"):
        weightmark.open_verified(tree, policy=rules)


def test_several_sets_of_weights_have_to_be_told_apart(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m", more={"other.safetensors": safetensors({"x": b"y"})})
    with pytest.raises(CallError, match="several sets"):
        loaded(tree)
    assert contents(loaded(tree, file="other.safetensors")) == {"x": b"y"}
    more = sharded(tmp_path / "s", more={"model.safetensors": safetensors()})
    sign(more)
    with pytest.raises(CallError, match="several sets"):
        loaded(more)
    index = "model.safetensors.index.json"
    assert set(contents(loaded(more, file=index))) == {"a", "b"}


@pytest.mark.parametrize(
    "file", ["missing", "../m/model.safetensors", "/etc/hostname", "model.sig"]
)
def test_only_signed_files_can_be_named(tmp_path: Path, file: str) -> None:
    with pytest.raises(CallError, match="no signed file"):
        loaded(signed(tmp_path / "m"), file=file)


def test_files_without_weights_are_named_as_unsupported(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", {"config.json": b"{}", "text.txt": b"a"})
    sign(tree)
    with pytest.raises(UnsupportedError, match="called like weights"):
        loaded(tree)
    with pytest.raises(UnsupportedError, match="neither a file of weights nor an index"):
        loaded(tree, file="config.json")
    assert "tensors/v1" not in predicates(tree / "model.claims")


def test_whom_to_trust_must_be_said_and_must_have_signed(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    with pytest.raises(TrustNotSaidError):
        weightmark.open_verified(tree)
    with pytest.raises(RefusedError):
        loaded(tree, "stranger")
    with pytest.raises(NoSignatureError):
        loaded(model(tmp_path / "unsigned"))


def test_what_verify_calls_bad_is_not_loaded(tmp_path: Path) -> None:
    added = signed(tmp_path / "added")
    (added / "run.py").write_bytes(b"")
    with pytest.raises(TamperedError, match=r"`run.py` was added"):
        loaded(added)
    missing = signed(tmp_path / "missing")
    (missing / "config.json").unlink()
    with pytest.raises(TamperedError, match=r"`config.json` is missing"):
        loaded(missing)
    mixed = signed(tmp_path / "mixed")
    (mixed / "model.claims").write_bytes(b"no bundle\n" + (mixed / "model.claims").read_bytes())
    with pytest.raises(RefusedError, match=r"model\.claims"):
        loaded(mixed)
    linked = signed(tmp_path / "linked")
    (linked / "extra").symlink_to("/etc")
    with pytest.raises(ArtifactRefusedError):
        loaded(linked)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NothingCheckedError):
        loaded(empty)


def test_a_fifo_in_the_place_of_the_weights_is_never_opened(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    (tree / "model.safetensors").unlink()
    os.mkfifo(tree / "model.safetensors")
    with pytest.raises(ArtifactRefusedError, match="FIFO"):
        loaded(tree)


def test_a_claim_that_contradicts_the_model_signature_does_not_stand_alone(tmp_path: Path) -> None:
    tree = signed(tmp_path / "m")
    overwrite(tree / "model.safetensors", b"bbbb", b"evil")
    sign(tree, "other", add=True)
    assert contents(loaded(tree, "other"))["b"] == b"evil"
    with loaded(tree, "release", "other") as tensors, pytest.raises(TamperedError):
        tensors["b"]


def test_nothing_is_shared_between_two_accesses(tmp_path: Path) -> None:
    with loaded(signed(tmp_path / "m")) as tensors:
        first, second = tensors["a"], tensors["a"]
        first.data.obj[0:1] = b"x"
        assert bytes(second.data) == bytes(tensors["a"].data) == WEIGHTS["a"]
        with pytest.raises(TypeError):
            first.data[0] = 0


def test_a_closed_mapping_gives_nothing_and_what_it_gave_stays(tmp_path: Path) -> None:
    with loaded(signed(tmp_path / "m")) as tensors:
        kept = tensors["a"]
    assert bytes(kept.data) == WEIGHTS["a"]
    with pytest.raises(CallError, match="closed"):
        tensors["a"]


def test_the_header_tells_names_facts_and_metadata(tmp_path: Path) -> None:
    file = safetensors(__metadata__={"format": "pt"})
    tree = make_tree(tmp_path / "m", {"model.safetensors": file})
    sign(tree)
    with loaded(tree) as tensors:
        assert list(tensors) == list(WEIGHTS)
        assert "a" in tensors
        assert "x" not in tensors
        assert tensors.metadata == {"format": "pt"}
        facts = tensors.facts("b")
        assert (facts.dtype, facts.shape, facts.size) == ("U8", (4,), 4)
        with pytest.raises(KeyError):
            tensors["x"]


def test_only_verifying_makes_releases_and_mappings(tmp_path: Path) -> None:
    with loaded(signed(tmp_path / "m")) as tensors:
        with pytest.raises(TypeError):
            VerifiedTensors(tensors._files, tensors._releases, tensors._form, seal=object())  # type: ignore[arg-type] # never looked at
        with pytest.raises(TypeError):
            Release("wm1:" + "0" * 64, (), {}, {}, object())


def test_a_framework_is_chosen_by_name() -> None:
    assert choose_form("bytes").name == "bytes"
    with pytest.raises(CallError):
        choose_form("jax")
    for name in ("numpy", "torch"):
        try:
            __import__(name)
        except ImportError:
            with pytest.raises(ExtraMissingError, match=name):
                choose_form(name)
