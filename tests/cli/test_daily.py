"""The daily commands from end to end: what they print, what they write, how they exit."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import RunCli

EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
HONEST = b"\x80\x04}\x8c\x01a\x88s."


@pytest.fixture
def release(tmp_path: Path, run_cli: RunCli) -> Path:
    """A folder with a key pair and a signed model."""
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "weights.pkl").write_bytes(HONEST)
    (model / "sub" / "ü.txt").write_text("words\n")
    (model / "empty").touch()
    assert run_cli("key", "generate", "-o", str(tmp_path / "release.key")).code == 0
    assert run_cli("sign", str(model), "--key", str(tmp_path / "release.key")).code == 0
    return tmp_path


def document(run_cli: RunCli, *args: str) -> dict[str, Any]:
    done = run_cli(*args, "-f", "json")
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    assert value["exit"] == done.code
    return value


def test_digest_prints_one_identity_a_line(release: Path, run_cli: RunCli) -> None:
    done = run_cli("digest", "model", "model/weights.pkl", cwd=release)
    first, second = done.stdout.splitlines()
    assert first.startswith("wm1:")
    assert first.endswith("  model")
    assert second.endswith("  model/weights.pkl")
    assert done.code == 0


def test_digest_with_sha256_names_the_artifact_as_others_do(release: Path, run_cli: RunCli) -> None:
    value = document(run_cli, "digest", str(release / "model"), "--sha256")
    (artifact,) = value["artifacts"]
    bundle = json.loads((release / "model" / "model.sig").read_bytes())
    assert artifact["oms_root"].startswith("sha256:")
    assert artifact["dir_hash"].startswith("dirHash:")
    assert [file["path"] for file in artifact["files"]] == ["empty", "sub/ü.txt", "weights.pkl"]
    assert bundle["mediaType"].endswith("bundle.v0.3+json")


def test_verify_accepts_what_was_signed_and_says_how(release: Path, run_cli: RunCli) -> None:
    value = document(
        run_cli, "verify", str(release / "model"), "--key", str(release / "release.pub")
    )
    assert value["verdict"] == "verified"
    assert value["digest_used"] == "blake3"
    assert (
        value["identity"]
        == document(run_cli, "digest", str(release / "model"))["artifacts"][0]["identity"]
    )


@pytest.mark.parametrize("digests", ["sha256", "both"])
def test_verify_can_be_told_which_digests_to_use(
    release: Path, run_cli: RunCli, digests: str
) -> None:
    value = document(
        run_cli,
        "verify",
        str(release / "model"),
        "--key",
        str(release / "release.pub"),
        "--digests",
        digests,
    )
    assert value["exit"] == 0
    assert "sha256" in str(value["digest_used"])


def test_a_tampered_model_is_refused_in_words(release: Path, run_cli: RunCli) -> None:
    (release / "model" / "empty").write_text("no longer")
    done = run_cli("verify", "model", "--key", "release.pub", cwd=release)
    assert done.code == 1
    assert "`empty` has other content than was signed" in done.stdout


def test_no_signature_comes_before_the_question_whom_to_trust(
    release: Path, run_cli: RunCli
) -> None:
    (release / "bare").mkdir()
    (release / "bare" / "f").write_text("x")
    assert run_cli("verify", "bare", cwd=release).code == 3
    assert run_cli("verify", "model", cwd=release).code == 2


def test_out_writes_elsewhere_and_verify_finds_it_by_flags(release: Path, run_cli: RunCli) -> None:
    (release / "plain").mkdir()
    (release / "plain" / "f").write_text("x")
    (release / "out").mkdir()
    assert run_cli("sign", "plain", "--key", "release.key", "--out", "out", cwd=release).code == 0
    assert [path.name for path in (release / "plain").iterdir()] == ["f"]
    named = ("--signature", "out/model.sig", "--claims", "out/model.claims")
    assert run_cli("verify", "plain", "--key", "release.pub", *named, cwd=release).code == 0


def test_a_single_file_is_signed_beside_itself(release: Path, run_cli: RunCli) -> None:
    (release / "w.pkl").write_bytes(HONEST)
    assert run_cli("sign", "w.pkl", "--key", "release.key", cwd=release).code == 0
    assert {path.name for path in release.iterdir()} >= {"w.pkl.sig", "w.pkl.claims"}
    assert run_cli("verify", "w.pkl", "--key", "release.pub", cwd=release).code == 0
    (release / "w.pkl").write_bytes(HONEST + b"x")
    assert run_cli("verify", "w.pkl", "--key", "release.pub", cwd=release).code == 1


def test_sign_refuses_what_scan_refuses_and_writes_nothing(release: Path, run_cli: RunCli) -> None:
    (release / "bad").mkdir()
    (release / "bad" / "m.bin").write_bytes(EVIL)
    done = run_cli("sign", "bad", "--key", "release.key", cwd=release)
    assert done.code == 1
    assert "posix.system('echo x')" in done.stderr
    assert [path.name for path in (release / "bad").iterdir()] == ["m.bin"]
    assert run_cli("scan", "bad", cwd=release).code == 1


def test_no_scan_is_said_in_the_claim(release: Path, run_cli: RunCli) -> None:
    (release / "bad").mkdir()
    (release / "bad" / "m.bin").write_bytes(EVIL)
    assert run_cli("sign", "bad", "--key", "release.key", "--no-scan", cwd=release).code == 0
    value = document(run_cli, "inspect", str(release / "bad" / "model.claims"))
    predicates = [entry["predicate"] for entry in value["entries"]]
    assert "not-scanned" in [predicate.get("result") for predicate in predicates]


def test_scan_tells_place_rule_and_call(release: Path, run_cli: RunCli) -> None:
    (release / "m.bin").write_bytes(EVIL)
    value = document(run_cli, "scan", str(release / "m.bin"))
    (finding,) = value["findings"]
    assert finding["rule"] == "PKL001"
    assert finding["severity"] == "critical"
    assert finding["offset"] == EVIL.index(b"R.")
    assert finding["location"].endswith("m.bin")


def test_one_bad_path_among_many_hides_no_other(release: Path, run_cli: RunCli) -> None:
    (release / "m.bin").write_bytes(EVIL)
    done = run_cli("scan", "missing", "m.bin", cwd=release)
    assert "PKL001" in done.stdout
    assert "missing" in done.stdout


def test_scan_of_a_link_out_of_the_tree_is_a_finding(release: Path, run_cli: RunCli) -> None:
    (release / "model" / "link").symlink_to("/etc/hostname")
    done = run_cli("scan", "model", cwd=release)
    assert done.code == 1
    assert "TRE001" in done.stdout


def test_scan_looks_into_git_folders_and_sidecars(release: Path, run_cli: RunCli) -> None:
    (release / "model" / ".git").mkdir()
    (release / "model" / ".git" / "hook").write_bytes(EVIL)
    (release / "model" / "model.receipt").write_bytes(EVIL)
    done = run_cli("scan", "model", cwd=release)
    assert done.stdout.count("error[PKL001]") == 2


def test_attest_adds_a_claim_and_keeps_the_model_verifiable(release: Path, run_cli: RunCli) -> None:
    (release / "p.json").write_text('{"result": "PASSED", "configuration": []}')
    args = (
        "attest",
        "model",
        "--type",
        "test-result",
        "--predicate",
        "p.json",
        "--key",
        "release.key",
    )
    assert run_cli(*args, cwd=release).code == 0
    assert len((release / "model" / "model.claims").read_bytes().splitlines()) == 3
    assert run_cli("verify", "model", "--key", "release.pub", cwd=release).code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--type", "approval"),
        ("--type", "approval", "--reason", "fine", "--expires", "soon"),
        ("--type", "approval", "--reason", "fine", "--predicate", "p.json"),
        ("--type", "nonsense", "--predicate", "p.json"),
        ("--type", "test-result"),
        ("--type", "https://weightmark/predicates/manifest/v1", "--predicate", "p.json"),
    ],
)
def test_attest_refuses_a_wrong_call(release: Path, run_cli: RunCli, args: tuple[str, ...]) -> None:
    (release / "p.json").write_text("{}")
    assert run_cli("attest", "model", *args, "--key", "release.key", cwd=release).code == 2


def test_claims_made_at_the_same_time_are_all_kept(release: Path, spawn_cli: RunCli) -> None:
    def approve(number: int) -> int:
        reason = ("--type", "approval", "--reason", f"reason {number}")
        return spawn_cli("attest", "model", *reason, "--key", "release.key", cwd=release).code

    with ThreadPoolExecutor(6) as together:
        assert list(together.map(approve, range(6))) == [0] * 6
    lines = (release / "model" / "model.claims").read_bytes().splitlines()
    assert len(lines) == 2 + 6


def test_a_file_that_no_signature_covers_is_said_in_the_verdict(
    release: Path, run_cli: RunCli
) -> None:
    (release / "model" / "model.claims").unlink()
    (release / "model" / ".github").mkdir()
    (release / "model" / ".github" / "x").write_text("added")
    done = run_cli("verify", "model", "--key", "release.pub", cwd=release)
    assert done.code == 0
    assert "`.github/x`" in done.stdout
    assert "verified, but for 1 file that no signature covers" in done.stdout


def test_inspect_judges_nothing(release: Path, run_cli: RunCli) -> None:
    done = run_cli("inspect", str(release / "model" / "model.sig"))
    assert done.code == 0
    assert "nothing was verified" in done.stderr


def test_keys_are_never_overwritten_and_private_ones_are_private(
    release: Path, run_cli: RunCli
) -> None:
    before = (release / "release.key").read_bytes()
    done = run_cli("key", "generate", "-o", "release.key", cwd=release)
    assert done.code == 2
    assert (release / "release.key").read_bytes() == before
    assert (release / "release.key").stat().st_mode & 0o777 == 0o600


def test_a_public_key_in_the_way_leaves_no_private_one(release: Path, run_cli: RunCli) -> None:
    (release / "new.pub").write_text("somebody's")
    assert run_cli("key", "generate", "-o", "new.key", cwd=release).code == 2
    assert not (release / "new.key").exists()


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_every_kind_of_key_signs_encrypted_too(release: Path, run_cli: RunCli, kind: str) -> None:
    (release / "phrase").write_text("correct horse\n")
    phrase = ("--passphrase-file", "phrase")
    assert run_cli("key", "generate", "--type", kind, "-o", "k.key", *phrase, cwd=release).code == 0
    assert b"ENCRYPTED" in (release / "k.key").read_bytes()
    signing = ("sign", "model", "--key", "k.key", "--replace")
    assert run_cli(*signing, cwd=release).code == 4
    assert run_cli(*signing, env={"WEIGHTMARK_PASSPHRASE": "wrong"}, cwd=release).code == 4
    assert run_cli(*signing, env={"WEIGHTMARK_PASSPHRASE": "correct horse"}, cwd=release).code == 0
    assert run_cli("verify", "model", "--key", "k.pub", cwd=release).code == 0


def test_a_private_key_is_not_accepted_for_verifying(release: Path, run_cli: RunCli) -> None:
    done = run_cli("verify", "model", "--key", "release.key", cwd=release)
    assert done.code == 2
    assert "private key" in done.stderr


def test_signing_without_a_signer_shows_how(release: Path, run_cli: RunCli) -> None:
    done = run_cli("sign", "model", cwd=release)
    assert done.code == 2
    assert "weightmark key generate" in done.stderr


def test_the_demo_comes_true(spawn_cli: RunCli) -> None:
    done = spawn_cli("demo")
    assert done.code == 0, done.stdout + done.stderr
    assert "PKL001" in done.stdout
    assert "exit 3" in done.stdout


def test_sign_claims_no_scan_where_nothing_is_scanned(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "notes").write_bytes(b"\x08\x07\x12\x07pytorch")
    run_cli("key", "generate", "-o", "release.key", cwd=tmp_path)
    done = run_cli("sign", "plain", "--key", "release.key", cwd=tmp_path)
    assert done.code == 0
    (line,) = [line for line in done.stdout.splitlines() if " scan " in line]
    assert line.startswith("-")
    assert line.endswith("none of 1 file is of a kind that is scanned")
    again = run_cli("sign", "plain", "--key", "release.key", "-f", "json", cwd=tmp_path)
    facts = json.loads(again.stdout)["scan"]
    assert facts == {"scanned": 0, "files": 1, "findings": 0, "result": "unsupported"}


def test_the_key_that_signs_is_never_part_of_the_release(release: Path, run_cli: RunCli) -> None:
    (release / "release.key").rename(release / "model" / "release.key")
    done = run_cli("sign", "model", "--key", "model/release.key", cwd=release)
    assert done.code == 1
    assert "`release.key`" in done.stderr
    assert "move it out" in done.stderr


def test_any_one_of_several_keys_suffices(release: Path, run_cli: RunCli) -> None:
    run_cli("key", "generate", "-o", "other.key", cwd=release)
    keys = ("--key", "release.pub", "--key", "other.pub")
    assert run_cli("verify", "model", *keys, cwd=release).code == 0
    swapped = ("--key", "other.pub", "--key", "release.pub")
    assert run_cli("verify", "model", *swapped, cwd=release).code == 0
    assert run_cli("gate", "model", "--policy", "baseline", *swapped, cwd=release).code == 0
    lines = {"WEIGHTMARK_KEY": "other.pub\nrelease.pub"}
    assert run_cli("verify", "model", env=lines, cwd=release).code == 0
    assert run_cli("verify", "model", "--key", "other.pub", cwd=release).code == 1


def test_one_key_to_sign_with_named_twice_is_refused(release: Path, run_cli: RunCli) -> None:
    keys = ("--key", "release.key", "--private-key", "release.key")
    done = run_cli("sign", "model", *keys, cwd=release)
    assert done.code == 2
    assert "named as a signer twice" in done.stderr


def test_a_verifier_is_first_told_to_ask_the_publisher(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "in" / "model").mkdir(parents=True)
    (tmp_path / "in" / "model" / "f").write_text("words")
    done = run_cli("verify", "in/model", cwd=tmp_path)
    assert done.code == 3
    assert "ask the publisher" in done.stderr
    assert "weightmark sign in/model --key" in done.stderr


def test_a_broken_signature_beside_good_claims_has_a_name_of_its_own(
    release: Path, run_cli: RunCli
) -> None:
    (release / "model" / "model.sig").write_text("{")
    done = run_cli("verify", "model", "--key", "release.pub", "-f", "json", cwd=release)
    assert done.code == 1
    outcomes = {check["name"]: check["outcome"] for check in json.loads(done.stdout)["checks"]}
    assert outcomes == {
        "sidecar": "fail",
        "signature": "pass",
        "manifest claim": "pass",
        "scan claim": "info",
    }


def test_signing_anew_says_that_the_receipt_is_old(release: Path, run_cli: RunCli) -> None:
    sign = ("sign", "model", "--key", "release.key")
    run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=release)
    append = (
        "ledger",
        "append",
        "model/model.claims",
        "--ledger",
        "ledger",
        "--key",
        "release.key",
    )
    assert run_cli(*append, cwd=release).code == 0
    assert "earlier release" not in run_cli(*sign, cwd=release).stderr
    (release / "model" / "empty").write_text("more")
    done = run_cli(*sign, cwd=release)
    assert done.code == 0
    assert "`model.receipt` is of an earlier release; append again" in done.stderr


def test_scan_sums_up_what_lies_beside_the_content(release: Path, run_cli: RunCli) -> None:
    git = release / "model" / ".git"
    git.mkdir()
    for name in ("HEAD", "config"):
        (git / name).write_bytes(b"\x00\x01 no format at all")
    done = run_cli("scan", "model", cwd=release)
    assert done.code == 0
    assert "model.sig" not in done.stdout
    assert ".git/" not in done.stdout
    assert "of them: signature, claims, receipt or outside of the artifact" in done.stdout
