"""Who signs, on the command line: every way, every wrong combination, and nothing half-written."""

import json
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import PIN, SOFTHSM, Chain, LoopbackTsa, Token, write_pem
from tests.cli.running import RunCli
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PrivateKey


@pytest.fixture
def house(quiet_environment: Path) -> Path:
    """Return a folder with a model and keys of several kinds, in which calls are made."""
    make_tree(quiet_environment / "m")
    for name, kind in (("a", "ecdsa-p256"), ("b", "ecdsa-p384"), ("pq", "ml-dsa-65")):
        key = PrivateKey.generate(kind)
        (quiet_environment / f"{name}.key").write_bytes(key.to_pem(None))
        (quiet_environment / f"{name}.pub").write_bytes(key.public.pem)
    chain, key = Chain(), PrivateKey.load(quiet_environment / "a.key")
    write_pem(quiet_environment / "leaf.pem", chain.leaf(key))
    write_pem(quiet_environment / "chain.pem", chain.middle, chain.root)
    write_pem(quiet_environment / "root.pem", chain.root)
    return quiet_environment


CONTRADICTIONS = {
    "no signer at all": [],
    "a key and keyless": ["--key", "a.key", "--keyless"],
    "a key and a token": ["--key", "a.key", "--identity-token", "x.y.z"],
    "a chain without a certificate": ["--key", "a.key", "--cert-chain", "chain.pem"],
    "a certificate without a chain": ["--key", "a.key", "--signing-cert", "leaf.pem"],
    "a certificate without a key": ["--signing-cert", "leaf.pem", "--cert-chain", "chain.pem"],
    "a certificate and two keys": [
        *("--key", "a.key", "--key", "b.key"),
        *("--signing-cert", "leaf.pem", "--cert-chain", "chain.pem"),
    ],
    "the certificate of another key": [
        *("--key", "b.key", "--signing-cert", "leaf.pem", "--cert-chain", "chain.pem"),
    ],
    "a timestamp without an authority": ["--key", "a.key", "--require-timestamp"],
    "an authority without a key": ["--keyless", "--tsa-url", "http://127.0.0.1:9/"],
    "an authority that is no URL": ["--key", "a.key", "--tsa-url", "tsa.example.com"],
    "a module without a token": ["--key", "a.key", "--pkcs11-module", SOFTHSM],
    "one key twice": ["--key", "a.key", "--key", "a.key"],
    "an ordinary key against quantum computers": ["--key", "a.key", "--pq-key", "b.key"],
    "a public key": ["--key", "a.pub"],
    "no such key": ["--key", "none.key"],
    "adding and replacing": ["--key", "a.key", "--add", "--replace"],
    "adding in another form": ["--key", "a.key", "--add", "--oms-hash", "blake3"],
    "a URI that is none": ["--key", "pkcs11:object"],
    "a service that is none": ["--key", "gcpkms:key"],
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_wrong_combination_is_a_usage_error_and_writes_nothing(
    run_cli: RunCli, house: Path, name: str
) -> None:
    ran = run_cli("sign", "m", *CONTRADICTIONS[name])
    assert ran.code == 2, ran.stderr
    assert not (house / "m/model.sig").exists()
    assert not (house / "m/model.claims").exists()


def test_no_signer_shows_the_three_ways_with_a_command_for_each(
    run_cli: RunCli, house: Path
) -> None:
    said = run_cli("sign", "m").stderr
    for way in ("sign m --key release.key", "sign m --keyless", "sign m --key 'pkcs11:"):
        assert way in said


def test_missing_files_are_wrong_calls_and_not_missing_trust(run_cli: RunCli, house: Path) -> None:
    encrypted = PrivateKey.generate().to_pem(b"secret")
    (house / "locked.key").write_bytes(encrypted)
    ran = run_cli("sign", "m", "--key", "locked.key", "--passphrase-file", "none.txt")
    assert ran.code == 2
    assert "`none.txt`" in ran.stderr
    ran = run_cli("attest", "m", "--type", "scai", "--predicate", "none.json", "--key", "a.key")
    assert ran.code == 2
    assert "`none.json`" in ran.stderr


def test_several_keys_sign_at_once_and_each_verifies(run_cli: RunCli, house: Path) -> None:
    ran = run_cli(
        *("sign", "m", "--key", "a.key", "--key", "b.key", "--pq-key", "pq.key", "-f", "json")
    )
    assert ran.code == 0, ran.stderr
    assert len(json.loads(ran.stdout)["cosigners"]) == 2
    for name in ("a", "b", "pq"):
        assert run_cli("verify", "m", "--key", f"{name}.pub").code == 0
    make_tree(house / "m", {"extra": b"x"})
    for name in ("a", "b", "pq"):
        assert run_cli("verify", "m", "--key", f"{name}.pub").code == 1


def test_a_second_signer_adds_to_the_first(run_cli: RunCli, house: Path) -> None:
    assert run_cli("sign", "m", "--key", "a.key").code == 0
    before = (house / "m/model.sig").read_bytes()
    assert run_cli("sign", "m", "--key", "b.key", "--add").code == 0
    assert (house / "m/model.sig").read_bytes() == before
    assert run_cli("verify", "m", "--key", "a.pub").code == 0
    assert run_cli("verify", "m", "--key", "b.pub").code == 0


def test_a_certificate_goes_into_the_signature(run_cli: RunCli, house: Path) -> None:
    ran = run_cli(
        *("sign", "m", "--key", "a.key", "--signing-cert", "leaf.pem"),
        *("--cert-chain", "chain.pem", "-f", "json"),
    )
    assert ran.code == 0, ran.stderr
    assert json.loads(ran.stdout)["signer"].startswith("certificate:")
    assert b"x509CertificateChain" in (house / "m/model.sig").read_bytes()
    refused = run_cli("verify", "m", "--key", "b.pub")
    assert refused.code == 1


def test_attest_signs_under_a_certificate_as_well(run_cli: RunCli, house: Path) -> None:
    ran = run_cli(
        *("attest", "m", "--type", "approval", "--reason", "seen", "--key", "a.key"),
        *("--signing-cert", "leaf.pem", "--cert-chain", "chain.pem"),
    )
    assert ran.code == 0, ran.stderr
    ran = run_cli(
        *("attest", "m", "--type", "approval", "--reason", "seen"),
        *("--key", "a.key", "--pq-key", "pq.key"),
    )
    assert ran.code == 2


def test_a_timestamp_that_was_asked_for_is_there_or_nothing_is(
    run_cli: RunCli, house: Path
) -> None:
    tsa = LoopbackTsa()
    try:
        asked = ("--tsa-url", tsa.url, "--require-timestamp")
        offline = run_cli("sign", "m", "--key", "a.key", *asked, "--offline")
        assert offline.code == 4
        assert not (house / "m/model.sig").exists()
        assert run_cli("sign", "m", "--key", "a.key", *asked).code == 0
        assert len(Bundle.parse((house / "m/model.sig").read_bytes()).timestamps) == 1
        before = (house / "m/model.claims").read_bytes()
    finally:
        tsa.server.stop()
    ran = run_cli("sign", "m", "--key", "a.key", *asked)
    assert ran.code == 4
    assert tsa.url in ran.stderr
    assert (house / "m/model.claims").read_bytes() == before


def test_offline_forbids_a_key_in_a_service(run_cli: RunCli, house: Path) -> None:
    ran = run_cli("sign", "m", "--key", "hv:release", "--offline")
    assert ran.code == 4
    assert "--offline" in ran.stderr


@pytest.fixture
def hsm(house: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Return a token with the key `release` whose settings calls in new processes see."""
    place = house / "softhsm"
    (place / "tokens").mkdir(parents=True)
    (place / "c").write_text(f"directories.tokendir = {place / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(place / "c"))
    token = Token(place)
    token.init("wm")
    key = PrivateKey.generate("ecdsa-p384")
    token.put(key, "release")
    (house / "hsm.pub").write_bytes(key.public.pem)
    return token


@pytest.mark.needs("softhsm")
def test_a_token_signs_with_the_pin_from_the_environment(
    spawn_cli: RunCli, house: Path, hsm: Token
) -> None:
    key = "pkcs11:token=wm;object=release"
    asked = ("sign", "m", "--key", key, "--pkcs11-module", SOFTHSM)
    locked = spawn_cli(*asked)
    assert locked.code == 4
    assert "wants a PIN" in locked.stderr
    wrong = spawn_cli(*asked, env={"WEIGHTMARK_PASSPHRASE": "9876"})
    assert wrong.code == 4
    assert "does not open the token" in wrong.stderr
    assert "9876" not in wrong.stderr + wrong.stdout
    assert not (house / "m/model.sig").exists()
    ran = spawn_cli(*asked, env={"WEIGHTMARK_PASSPHRASE": PIN})
    assert ran.code == 0, ran.stderr
    assert spawn_cli("verify", "m", "--key", "hsm.pub").code == 0
    shown = spawn_cli("key", "show", hsm.uri(), "-f", "json")
    assert json.loads(shown.stdout)["pem"].encode() == (house / "hsm.pub").read_bytes()


def test_keys_are_listed_without_asking_for_a_passphrase(run_cli: RunCli, house: Path) -> None:
    (house / "locked.key").write_bytes(PrivateKey.generate().to_pem(b"secret"))
    (house / "notes.txt").write_text("not a key")
    ran = run_cli("key", "list", "-f", "json")
    assert ran.code == 0, ran.stderr
    found = {Path(one["path"]).name: one for one in json.loads(ran.stdout)["keys"]}
    assert found["locked.key"]["problem"] == "encrypted"
    assert found["leaf.pem"]["holds"] == "certificate"
    assert found["a.key"]["fingerprint"] == found["a.pub"]["fingerprint"]
    assert "notes.txt" not in found
    assert run_cli("key", "list", "m").code == 3


def test_a_certificate_and_a_post_quantum_key_are_shown(run_cli: RunCli, house: Path) -> None:
    shown = json.loads(run_cli("key", "show", "leaf.pem", "-f", "json").stdout)
    assert shown["certificate"]["subject"] == "CN=release@example.com"
    assert json.loads(run_cli("key", "show", "pq.key", "-f", "json").stdout)["type"] == "ml-dsa-65"
    assert run_cli("key", "show", "none.key").code == 2


def test_a_rotation_is_written_once_and_beside_the_new_key(run_cli: RunCli, house: Path) -> None:
    ran = run_cli("key", "rotate", "a.key", "b.key", "--until", "2030-01-01", "-f", "json")
    assert ran.code == 0, ran.stderr
    assert json.loads(ran.stdout)["rotation"] == "b.rotation"
    before = (house / "b.rotation").read_bytes()
    assert len(before.splitlines()) == 2
    assert run_cli("key", "rotate", "a.key", "b.key").code == 2
    assert (house / "b.rotation").read_bytes() == before
    assert run_cli("key", "rotate", "a.key", "a.key", "-o", "x").code == 2
    assert run_cli("key", "rotate", "a.key", "b.key", "--until", "soon", "-o", "x").code == 2
    assert run_cli("key", "rotate", "a.key", "pkcs11:object=x").code == 2
    assert not (house / "x").exists()


def test_whoever_trusts_the_old_key_follows_the_rotation_when_told(
    run_cli: RunCli, house: Path
) -> None:
    assert run_cli("sign", "m", "--key", "b.key").code == 0
    assert run_cli("key", "rotate", "a.key", "b.key").code == 0
    assert run_cli("verify", "m", "--key", "a.pub").code == 1
    assert run_cli("verify", "m", "--key", "a.pub", "--rotation", "b.rotation").code == 0
    assert run_cli("verify", "m", "--key", "pq.pub", "--rotation", "b.rotation").code == 2
    assert run_cli("verify", "m", "--rotation", "b.rotation").code == 2
    assert run_cli("verify", "m", "--key", "a.pub", "--rotation", "none").code == 2
    (house / "m/b.rotation").write_bytes((house / "b.rotation").read_bytes())
    inside = run_cli("verify", "m", "--key", "a.pub", "--rotation", "m/b.rotation")
    assert inside.code == 2
    assert "inside" in inside.stderr


@pytest.mark.parametrize(
    ("days", "said", "code"), [(400, "until", 0), (20, "soon", 0), (-1, "past", 4)]
)
def test_doctor_warns_before_a_signing_certificate_ends(
    run_cli: RunCli, house: Path, days: int, said: str, code: int
) -> None:
    key = PrivateKey.load(house / "a.key")
    write_pem(house / "mine.pem", Chain().leaf(key, days=(-30, days)))
    ran = run_cli("doctor", env={"WEIGHTMARK_SIGNING_CERT": "mine.pem"})
    assert ran.code == code
    (line,) = [one for one in ran.stdout.splitlines() if "certificate `mine.pem`" in one]
    assert said in line


def test_doctor_says_when_a_signing_certificate_cannot_be_read(
    run_cli: RunCli, house: Path
) -> None:
    for name in ("none.pem", "a.key"):
        assert run_cli("doctor", env={"WEIGHTMARK_SIGN_SIGNING_CERT": name}).code == 4


@pytest.mark.parametrize(
    "env", [{"SIGSTORE_ID_TOKEN": "x.y.z"}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}]
)
def test_without_a_signer_the_identity_of_the_job_is_taken(
    run_cli: RunCli, house: Path, env: dict[str, str]
) -> None:
    ran = run_cli("sign", "m", "--offline", env=env)
    assert ran.code == 4, ran.stderr
    assert "keyless signing needs the network" in ran.stderr
    assert run_cli("sign", "m", "--key", "a.key", "--offline", env=env).code == 0
