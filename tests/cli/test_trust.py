"""`weightmark trust`, and every way to say whom to trust on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from tests.attestations.forge import make_tree, put
from tests.attestations.signers.parties import Chain, write_pem
from tests.attestations.trust.makers import by_chain
from tests.cli.published import fitting
from tests.cli.running import RunCli
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.key import KeySigner
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner

KEY = PrivateKey.generate()
ISSUER = "https://idp.example.com"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, KeySigner(KEY), SignOptions(scan=False))
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    return tree


def test_a_signer_is_written_down_once_and_believed_by_name(run_cli: RunCli, model: Path) -> None:
    key = str(model.parent / "release.pub")
    assert run_cli("verify", str(model), "--trust", "acme").code == 2, "nothing is there yet"
    done = run_cli("trust", "add", "acme", "--key", key, "--not-after", "2090-01-31")
    assert done.code == 0, done.stderr
    assert run_cli("verify", str(model), "--trust", "acme").code == 0
    shown = json.loads(run_cli("trust", "show", "acme", "--format", "json").stdout)
    assert shown["anchors"][0]["name"] == KEY.public.identity
    assert shown["anchors"][0]["expires"] == "2090-01-31T23:59:59Z"
    assert "acme" in run_cli("trust", "show").stdout
    assert run_cli("trust", "add", "acme", "--key", key).code == 2, "the label is taken"


def test_a_revoked_key_is_refused_by_name(run_cli: RunCli, model: Path) -> None:
    key = str(model.parent / "release.pub")
    reason = ("--revoked", "2026-01-01", "--reason", "laptop stolen")
    assert run_cli("trust", "add", "acme", "--key", key, *reason).code == 0
    done = run_cli("verify", str(model), "--trust", "acme")
    assert done.code == 1
    assert "laptop stolen" in done.stdout


def test_a_key_past_its_time_is_unchecked_and_not_called_bad(run_cli: RunCli, model: Path) -> None:
    key = str(model.parent / "release.pub")
    assert run_cli("trust", "add", "acme", "--key", key, "--not-after", "2026-01-01").code == 0
    done = run_cli("verify", str(model), "--trust", "acme", "--format", "json")
    assert done.code == 4
    assert json.loads(done.stdout)["identity"] is None or json.loads(done.stdout)["signers"] == []


def test_not_saying_whom_to_trust_lists_whom_the_evidence_names(
    run_cli: RunCli, model: Path
) -> None:
    done = run_cli("verify", str(model))
    assert done.code == 2
    assert "unverified" in done.stderr
    assert KEY.public.hint in done.stderr
    assert "--key" in done.stderr
    chain = Chain()
    leaf = chain.leaf(KEY)
    put(model, json.loads(by_chain(chain, KEY, leaf).to_bytes()))
    done = run_cli("verify", str(model))
    assert done.code == 2
    assert leaf.fingerprint(hashes.SHA256()).hex() in done.stderr
    for name in ("model.sig", "model.claims"):
        (model / name).unlink()
    assert run_cli("verify", str(model)).code == 3, "nothing to verify comes first"


@pytest.mark.needs("vectors")
def test_not_saying_whom_to_trust_names_a_keyless_signer_and_its_flags(
    run_cli: RunCli, vectors: Path, tmp_path: Path
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    done = run_cli("verify", str(tree))
    assert done.code == 2
    assert "--identity stefanb@us.ibm.com --issuer" in done.stderr


ALIASES = {
    "weightmark": ("--identity", "--issuer"),
    "cosign": ("--certificate-identity", "--certificate-oidc-issuer"),
    "gh": ("--cert-identity", "--cert-oidc-issuer"),
    "model_signing": ("--identity", "--identity_provider"),
}


@pytest.mark.needs("vectors")
@pytest.mark.parametrize("tool", ALIASES)
def test_the_spellings_of_other_tools_are_understood(
    run_cli: RunCli, vectors: Path, tmp_path: Path, tool: str
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    who, where = ALIASES[tool]
    provider = "https://sigstore.verify.ibm.com/oauth2"
    ignored = ("--ignore-paths", str(tree / "ignore-me"))
    good = run_cli("verify", str(tree), who, "stefanb@us.ibm.com", where, provider, *ignored)
    assert good.code == 0, good.stdout + good.stderr
    assert run_cli("verify", str(tree), who, "x@us.ibm.com", where, provider, *ignored).code == 1
    assert run_cli("verify", str(tree), who, "stefanb@us.ibm.com", *ignored).code == 2


@pytest.mark.needs("vectors")
def test_the_answer_says_who_when_and_by_which_clock(
    run_cli: RunCli, vectors: Path, tmp_path: Path
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    pattern = ("--identity-glob", "*@us.ibm.com")
    where = ("--issuer", "https://sigstore.verify.ibm.com/oauth2")
    ignored = ("--ignore-paths", str(tree / "ignore-me"))
    done = run_cli("verify", str(tree), *pattern, *where, *ignored, "--format", "json")
    found = json.loads(done.stdout)
    (claim,) = found["claims"]
    assert claim["subject"] == "stefanb@us.ibm.com"
    assert claim["issuer"] == "https://sigstore.verify.ibm.com/oauth2"
    assert claim["times"][0]["clock"]
    assert claim["certificate"]["extensions"]["issuer"] == claim["issuer"]
    assert found["signers"] == [f"sigstore:{claim['subject']}@{claim['issuer']}"]
    assert {one["path"] for one in found["files"]}


def test_certificate_flags_gate_and_verify_alike(run_cli: RunCli, tmp_path: Path) -> None:
    chain = Chain()
    leaf = chain.leaf(KEY)
    tree = put(make_tree(tmp_path / "m"), json.loads(by_chain(chain, KEY, leaf).to_bytes()))
    root = str(write_pem(tmp_path / "ca.pem", chain.root))
    good = ("--cert-chain", root, "--cert-san", "release@example.com")
    gate = ("gate", str(tree), "--policy", "baseline")
    for command, code in ((("verify", str(tree)), 0), (gate, 4)):
        done = run_cli(*command, *good)
        assert "signed by certificate:" in done.stdout
        assert "release@example.com" in done.stdout
        assert done.code == code, "nothing here can be scanned, which the gate says"
        assert run_cli(*command, *good[:3], "mallory@example.com").code == 1
        assert run_cli(*command, *good[:2]).code == 2, "an authority alone is nobody"
        assert run_cli(*command, *good[:2], "--cert-any").code == code
        answer = fitting(run_cli(*command, *good, "-f", "json").stdout)
        assert all(one.startswith("certificate:") for one in answer["signers"])


@pytest.mark.parametrize("flag", ["--trust", "--trusted-root", "--cert-chain", "--trust-config"])
def test_nothing_in_the_artifact_says_whom_to_trust(
    run_cli: RunCli, model: Path, flag: str
) -> None:
    (model / "t.toml").write_text("version = 1")
    done = run_cli("verify", str(model), flag, str(model / "t.toml"))
    assert done.code == 2
    assert "inside the artifact" in done.stderr


@pytest.mark.parametrize("ci", ["", "true"], ids=["at home", "in CI"])
def test_a_settings_file_beside_a_downloaded_model_adds_nobody_to_whom_the_caller_trusts(
    run_cli: RunCli, model: Path, tmp_path: Path, ci: str
) -> None:
    """The file lies in the folder of the download, and the model is one file: it is beside, not inside."""
    assert run_cli("key", "generate", "-o", str(tmp_path / "mine.key")).code == 0
    (tmp_path / "evil.toml").write_text('version = 1\n[keys.evil]\nfile = "release.pub"\n')
    (tmp_path / "weightmark.toml").write_text(
        '[verify]\ntrust = ["./evil.toml"]\noutput = "victim"\n[gate]\nmode = "warn"\n'
    )
    env = {"CI": ci}
    ran = run_cli("verify", str(model), "--key", "mine.pub", cwd=tmp_path, env=env)
    assert ran.code == 1
    assert "ignored `output`, `trust` from" in ran.stderr
    assert not (tmp_path / "victim").exists()
    assert run_cli("verify", str(model), cwd=tmp_path, env=env).code == 2
    named = run_cli("verify", str(model), "--config", "weightmark.toml", cwd=tmp_path, env=env)
    assert named.code == 0
    gate = ("gate", str(model), "--policy", "strict", "--key", "mine.pub")
    assert run_cli(*gate, cwd=tmp_path, env=env).code == 1


def test_a_root_is_pinned_and_another_content_is_refused(run_cli: RunCli, tmp_path: Path) -> None:
    from weightmark.attestations.sigstore.packaged import STAGING, packaged_root

    root = tmp_path / "root.json"
    root.write_bytes(packaged_root(STAGING))
    file = str(tmp_path / "t.toml")
    assert run_cli("trust", "pin", file, str(root), "--as", "own").code == 0
    assert run_cli("trust", "show", file).code == 0
    root.write_bytes(packaged_root(STAGING) + b"\n")
    refused = run_cli("trust", "show", file)
    assert refused.code == 4
    assert "pinned" in refused.stderr
    assert run_cli("trust", "pin", file, str(root), "--as", "own").code == 0
    assert run_cli("trust", "show", file).code == 0


@pytest.mark.parametrize("name", ["public-good", "staging"])
def test_the_packaged_roots_are_shown_with_their_ends(run_cli: RunCli, name: str) -> None:
    found = json.loads(run_cli("trust", "show", name, "--format", "json").stdout)
    kinds = {entry["kind"] for entry in found["roots"][0]["entries"]}
    assert {"log", "certificate authority", "certificate log"} <= kinds
    assert found["expires"] is None or found["expires"] > "2026"


def test_updating_offline_is_exit_4_and_writes_nothing(run_cli: RunCli, tmp_path: Path) -> None:
    out = tmp_path / "root.json"
    assert run_cli("trust", "update", "-o", str(out), "--offline").code == 4
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("x",),
        ("x", "--identity", "a@b"),
        ("x", "--identity", "a@b", "--issuer", ISSUER, "--repo", "a/b"),
        ("x", "--reason", "why", "--identity", "a@b", "--issuer", ISSUER),
        ("../x", "--identity", "a@b"),
        ("public-good", "--identity", "a@b", "--issuer", ISSUER),
        ("x", "--key", "no-such.pub"),
    ],
)
def test_what_names_nobody_writes_nothing(
    run_cli: RunCli, quiet_environment: Path, words: tuple[str, ...]
) -> None:
    assert run_cli("trust", "add", *words).code == 2
    assert not list(quiet_environment.rglob("*.toml"))


def test_witnesses_are_listed_with_what_is_asked_of_them(run_cli: RunCli, tmp_path: Path) -> None:
    vkey = WitnessSigner("w.example", CosignatureType.ED25519, bytes(32)).verifier.vkey
    path = tmp_path / "t.toml"
    path.write_text(
        f'version = 1\n[identities.ci]\nidentity = "ci@example.com"\nissuer = "{ISSUER}"\n'
        f'[witnesses.one]\nkey = "{vkey}"\n'
        "[thresholds]\ncosignatures = 1\n"
    )
    shown = run_cli("trust", "show", str(path))
    assert shown.code == 0, shown.stderr
    assert "witness one           w.example" in shown.stdout
    assert "cosignatures by 1 of the witnesses" in shown.stdout
    facts = json.loads(run_cli("trust", "show", str(path), "--format", "json").stdout)
    assert facts["witnesses"] == [{"label": "one", "name": "w.example"}]
    assert facts["cosignatures"] == 1
