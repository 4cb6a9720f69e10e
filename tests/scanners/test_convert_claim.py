"""The claim of a conversion: it binds the bytes that were read back, and appears with the file or not at all."""

import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import quiet_environment, run_cli
from tests.cli.running import RunCli
from tests.scanners.test_convert import SYSTEM, checkpoint, npy, state_dict, tensor, text
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.conversion import convert_and_sign
from weightmark.attestations.predicates.conversion import CONVERSION_PREDICATE, ConversionClaim
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    CallError,
    MalformedError,
    SidecarRefusedError,
    UnsafeContentError,
    WeightmarkError,
)
from weightmark.provenance.identification import identify
from weightmark.scanners.tensors.survey import survey_tensors

__all__ = ["quiet_environment", "run_cli"]

MODEL = checkpoint(state_dict(w=tensor((2, 3))))
KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()


def _convert(folder: Path, data: bytes = MODEL, *, replace: bool = False) -> ConversionClaim:
    (folder / "in.pt").write_bytes(data)
    target = folder / "out.safetensors"
    convert_and_sign(folder / "in.pt", target, [KeySigner(KEY)], replace=replace)
    return _claims(folder)[-1]


def _claims(folder: Path) -> list[ConversionClaim]:
    """Verify each line of the claims with the key, and read it."""
    lines = parse_claims((folder / "out.safetensors.claims").read_bytes())
    trust = Trust.in_keys([KEY.public, OTHER.public])
    bundles = [line.bundle for line in lines if line.bundle]
    assert len(bundles) == len(lines)
    return [ConversionClaim.from_statement(trust.verify(one).statement) for one in bundles]


def test_the_claim_names_both_files_and_the_weights_that_they_share(tmp_path: Path) -> None:
    claim = _convert(tmp_path)
    for name, named in (("in.pt", claim.source), ("out.safetensors", claim.output)):
        seen = identify(tmp_path / name, sha256=True)
        assert (named.identity, named.sha256) == (seen.identity, f"sha256:{seen.sha256['.']}")
        (weights,) = survey_tensors(tmp_path / name).sets
        assert (claim.weights, claim.values) == (weights.table.weights, weights.table.values)
    assert claim.tensors == 1


def test_a_file_that_was_changed_afterwards_is_not_the_subject(tmp_path: Path) -> None:
    claim = _convert(tmp_path)
    target = tmp_path / "out.safetensors"
    target.write_bytes(target.read_bytes()[:-1] + b"\x01")
    assert identify(target).identity != claim.output.identity


@pytest.mark.parametrize(
    "data",
    [
        checkpoint(state_dict(w=tensor((6,)), x=SYSTEM)),
        checkpoint(state_dict(w=tensor((7,)))),
        checkpoint(state_dict(epoch=text("x"))),
        MODEL[:-60],
        npy("|O", "(1,)", b"\x80\x04]."),
    ],
)
def test_what_is_refused_leaves_neither_file_nor_claim(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        _convert(tmp_path, data)
    assert [file.name for file in tmp_path.iterdir()] == ["in.pt"]


def test_a_refused_source_leaves_the_older_output_and_its_claim(tmp_path: Path) -> None:
    _convert(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(UnsafeContentError):
        _convert(tmp_path, SYSTEM + b".", replace=True)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert before | {"in.pt": SYSTEM + b"."} == after


def test_claims_that_are_none_stop_the_conversion_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "out.safetensors.claims").write_text("no bundle\n")
    with pytest.raises(SidecarRefusedError):
        _convert(tmp_path)
    assert not (tmp_path / "out.safetensors").exists()


def test_what_exists_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    first = _convert(tmp_path)
    with pytest.raises(CallError, match="exists"):
        _convert(tmp_path)
    other = struct.pack("<6f", *range(6, 12))
    second = _convert(tmp_path, checkpoint(state_dict(w=tensor((2, 3))), data=other), replace=True)
    assert second.output != first.output
    assert second.output.identity == identify(tmp_path / "out.safetensors").identity


def test_each_signer_says_it_once(tmp_path: Path) -> None:
    (tmp_path / "in.pt").write_bytes(MODEL)
    signers = [KeySigner(KEY), KeySigner(OTHER)]
    done = convert_and_sign(tmp_path / "in.pt", tmp_path / "out.safetensors", signers)
    claims = _claims(tmp_path)
    assert len(done.claims) == len(claims) == 2
    assert claims[0] == claims[1]


def test_a_nested_dict_is_named_by_its_key(tmp_path: Path) -> None:
    inner = b"}(" + text("w") + tensor((6,)) + b"u"
    (tmp_path / "in.pt").write_bytes(checkpoint(state_dict(model=inner)))
    target = tmp_path / "out.safetensors"
    convert_and_sign(tmp_path / "in.pt", target, [KeySigner(KEY)], at="model")
    assert _claims(tmp_path)[0].at == "model"


def _statement(claim: ConversionClaim, **changes: object) -> Statement:
    predicate = {**claim.to_predicate(), **changes}
    payload = Statement.about_manifest(
        "out", claim.output.identity, CONVERSION_PREDICATE, predicate, {}
    )
    return Statement.parse("application/vnd.in-toto+json", payload)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": "sha256:0"},
        {"values": None},
        {"tensors": 0},
        {"tensors": True},
        {"converter": 1},
        {"at": ["x"]},
        {"more": 1},
        {"source": {}},
        {"source": {"identity": "wm1:0", "digest": "sha256:" + "0" * 64, "size": 1}},
        {"output": {"identity": "wm1:" + "0" * 64, "digest": "sha256:" + "0" * 64, "size": 1}},
        {"source": {"identity": "wm1:" + "0" * 64, "digest": "sha256:" + "0" * 64, "size": -1}},
    ],
)
def test_a_claim_of_another_form_or_about_another_file_is_no_conversion(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    claim = _convert(tmp_path)
    assert ConversionClaim.from_statement(_statement(claim)) == claim
    with pytest.raises(MalformedError):
        ConversionClaim.from_statement(_statement(claim, **changes))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["source", "output", "tensors", "weights", "at"]), _JSON))
def test_any_predicate_is_read_or_refused(fields: dict[str, object]) -> None:
    statement = Statement((), CONVERSION_PREDICATE, fields)
    with pytest.raises(MalformedError):
        ConversionClaim.from_statement(statement)


def test_the_command_signs_and_diff_shows_the_same_weights(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "in.pt").write_bytes(MODEL)
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    call = ("convert", "in.pt", "out.safetensors", "--key", "release.key", "-f", "json")
    ran = run_cli(*call, cwd=tmp_path)
    assert ran.code == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["claims"] == "out.safetensors.claims"
    assert len(answer["signers"]) == 1
    seen = identify(tmp_path / "out.safetensors").identity
    assert answer["target_identity"] == seen
    same = run_cli("diff", "--weights-only", "in.pt", "out.safetensors", cwd=tmp_path)
    assert (same.code, "identical" in same.stdout) == (0, True), same.stderr
    assert run_cli(*call, cwd=tmp_path).code == 2
    assert run_cli("convert", "in.pt", "b.safetensors", "--key", "no.key", cwd=tmp_path).code == 2
    assert not (tmp_path / "b.safetensors").exists()


WRITE = """
import sys, numpy, torch
folder = sys.argv[1]
state = torch.nn.TransformerEncoderLayer(16, 2, 32).state_dict()
torch.save(state, f"{folder}/zip.pt")
torch.save(dict(state), f"{folder}/legacy.pt", _use_new_zipfile_serialization=False)
numpy.savez_compressed(f"{folder}/arrays.npz", **{k: v.numpy() for k, v in state.items()})
numpy.savez(f"{folder}/plain.npz", w=numpy.arange(6.0).reshape(2, 3).T, i=numpy.arange(3, dtype=">i2"))
"""


@pytest.mark.needs("torch")
def test_real_checkpoints_and_arrays_are_converted_with_a_claim(
    tmp_path: Path, torch_python: Path, run_cli: RunCli
) -> None:
    subprocess.run([str(torch_python), "-c", WRITE, str(tmp_path)], check=True, timeout=120)
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    digests = {}
    for name in ("zip.pt", "legacy.pt", "arrays.npz", "plain.npz"):
        out = f"{name}.safetensors"
        ran = run_cli("convert", name, out, "--key", "release.key", "-f", "json", cwd=tmp_path)
        assert ran.code == 0, ran.stderr
        digests[name] = json.loads(ran.stdout)["weights"]
        same = run_cli("diff", "--weights-only", name, out, cwd=tmp_path)
        assert (same.code, "identical" in same.stdout) == (0, True), same.stdout
        shown = run_cli("inspect", f"{out}.claims", cwd=tmp_path)
        assert CONVERSION_PREDICATE in shown.stdout or "converted" in shown.stdout, shown.stdout
    assert digests["zip.pt"] == digests["legacy.pt"] == digests["arrays.npz"]
