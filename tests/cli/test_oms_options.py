"""`sign` and `verify` with the options about `model.sig`."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import ECHO, make_tree
from tests.cli.running import RunCli

FILES = {"config.json": b"{}", "weights.bin": b"0123456789", "notes.txt": b"draft"}


@pytest.fixture
def model(quiet_environment: Path, run_cli: RunCli) -> Path:
    """A folder with a model, beside a key."""
    assert run_cli("key", "generate", cwd=quiet_environment).code == 0
    make_tree(quiet_environment / "m", FILES)
    return quiet_environment


def predicate(place: Path) -> dict[str, Any]:
    envelope = json.loads((place / "m/model.sig").read_bytes())["dsseEnvelope"]
    found: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return found


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b", "blake3"])
def test_shards_are_signed_and_verified(model: Path, run_cli: RunCli, algorithm: str) -> None:
    how = ("--oms-method", "shards", "--shard-size", "4", "--oms-hash", algorithm)
    ran = run_cli("sign", "m", "--key", "release.key", *how, cwd=model)
    assert ran.code == 0, ran.stderr
    assert "the reference verifier 1.1.1 cannot verify shards" in ran.stderr
    assert predicate(model)["serialization"]["shard_size"] == 4
    names = [one["name"] for one in predicate(model)["resources"]]
    assert names[-3:] == ["weights.bin:0:4", "weights.bin:4:8", "weights.bin:8:10"]
    (model / "m/model.claims").unlink()
    verify = ("verify", "m", "--key", "release.pub", "-f", "json")
    good = run_cli(*verify, cwd=model)
    assert good.code == 0, good.stdout
    assert json.loads(good.stdout)["digest_used"] == algorithm
    make_tree(model / "m", {"weights.bin": b"0123456780"})
    bad = run_cli(*verify, cwd=model)
    assert bad.code == 1
    reasons = {check["code"] for check in json.loads(bad.stdout)["checks"]} - {""}
    assert reasons == {"tampered"}


def test_the_plain_form_has_no_notice_about_other_verifiers(model: Path, run_cli: RunCli) -> None:
    ran = run_cli("sign", "m", "--key", "release.key", cwd=model)
    assert ran.code == 0
    assert "reference" not in ran.stderr


@pytest.mark.parametrize(
    "how",
    [("--shard-size", "4"), ("--oms-method", "shards", "--shard-size", "0"), ("--oms-hash", "md5")],
)
def test_a_form_that_means_nothing_is_a_wrong_call(
    model: Path, run_cli: RunCli, how: tuple[str, ...]
) -> None:
    ran = run_cli("sign", "m", "--key", "release.key", *how, cwd=model)
    assert ran.code == 2
    assert not (model / "m/model.sig").exists()


def test_what_was_left_out_has_to_be_accepted_by_name(model: Path, run_cli: RunCli) -> None:
    left = ("--ignore-paths", "notes.txt")
    ran = run_cli("sign", "m", "--key", "release.key", *left, cwd=model)
    assert ran.code == 0, ran.stderr
    assert "--ignore-paths notes.txt" in ran.stderr
    verify = ("verify", "m", "--key", "release.pub", "-f", "json")
    assert run_cli(*verify, cwd=model).code == 1
    make_tree(model / "m", {"notes.txt": b"final"})
    accepted = run_cli(*verify, *left, cwd=model)
    assert accepted.code == 0, accepted.stdout
    assert json.loads(accepted.stdout)["uncovered"] == ["notes.txt"]
    absolute = run_cli(*verify, "--ignore_paths", str(model / "m/notes.txt"), cwd=model)
    assert absolute.code == 0
    assert run_cli(*verify, "--ignore-paths", "..", cwd=model).code == 2


def test_unsigned_files_are_named_when_they_are_ignored(model: Path, run_cli: RunCli) -> None:
    assert run_cli("sign", "m", "--key", "release.key", cwd=model).code == 0
    make_tree(model / "m", {"extra.bin": b"plain words"})
    verify = ("verify", "m", "--key", "release.pub", "-f", "json")
    refused = run_cli(*verify, cwd=model)
    assert refused.code == 1
    ran = run_cli(*verify, "--ignore-unsigned-files", cwd=model)
    assert ran.code == 0, ran.stdout
    assert json.loads(ran.stdout)["uncovered"] == ["extra.bin"]
    make_tree(model / "m", {"extra.bin": ECHO})
    assert run_cli(*verify, "--ignore-unsigned-files", cwd=model).code == 1, (
        "a loader could open it"
    )
