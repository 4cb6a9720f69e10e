"""What `sign` and `key` say and refuse: no secret is shown, nothing untrue is told, no file is signed that opens a door."""

import json
import os
import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import LoopbackTsa
from tests.cli.running import RunCli
from weightmark.attestations.keys import PrivateKey

PIN = "pkcs11:token=t;object=o?module-path=/none.so&pin-value=73315"


@pytest.fixture
def house(quiet_environment: Path) -> Path:
    make_tree(
        quiet_environment / "m", {"config.json": b"{}", "notes.md": b"words", "logs/a.txt": b"x"}
    )
    for name in ("a", "b"):
        key = PrivateKey.generate()
        (quiet_environment / f"{name}.key").write_bytes(key.to_pem(None))
        (quiet_environment / f"{name}.pub").write_bytes(key.public.pem)
    return quiet_environment


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("uri", [PIN, PIN.replace("pkcs11", "PKCS11"), f"./{PIN}"])
@pytest.mark.parametrize(
    "call",
    [
        ("verify", "m", "--key"),
        ("sign", "m", "--key"),
        ("sign", "m", "--pq-key"),
        ("key", "show"),
        ("key", "rotate", "a.key"),
    ],
    ids=" ".join,
)
def test_no_message_repeats_a_pin(run_cli: RunCli, call: tuple[str, ...], uri: str) -> None:
    for form in ("text", "json"):
        ran = run_cli(*call, uri, "-f", form)
        assert ran.code in (1, 2, 3, 4), ran.stderr
        assert "73315" not in ran.stdout + ran.stderr


@pytest.mark.usefixtures("house")
def test_a_table_for_people_is_never_written_as_a_key_file(run_cli: RunCli) -> None:
    refused = run_cli("key", "show", "a.key", "-o", "out.pub")
    assert refused.code == 2
    assert "--public" in refused.stderr
    assert not Path("out.pub").exists()
    assert run_cli("key", "show", "--public", "a.key", "-o", "out.pub").code == 0
    assert Path("out.pub").read_bytes() == Path("a.pub").read_bytes()
    assert run_cli("key", "show", "a.key", "-f", "json", "-o", "out.json").code == 0


def der(key: PrivateKey, secret: bytes | None) -> bytes:
    protection = BestAvailableEncryption(secret) if secret else NoEncryption()
    return key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, protection)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519", "ml-dsa-65"])
@pytest.mark.parametrize("secret", [None, b"secret"], ids=["plain", "encrypted"])
def test_a_private_key_in_der_form_is_not_signed(
    run_cli: RunCli, house: Path, kind: str, secret: bytes | None
) -> None:
    (house / "m/weights.bin").write_bytes(der(PrivateKey.generate(kind), secret))
    ran = run_cli("sign", "m", "--key", "a.key", "--no-scan")
    assert ran.code == 1, ran.stderr
    assert "`weights.bin` is a private key" in ran.stderr
    assert not (house / "m/model.sig").exists()


def test_a_public_key_in_der_form_is_signed(run_cli: RunCli, house: Path) -> None:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    public = PrivateKey.generate().public.key
    data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    (house / "m/release.der").write_bytes(data)
    assert run_cli("sign", "m", "--key", "a.key", "--no-scan").code == 0


@pytest.mark.parametrize("flag", ["--key", "--passphrase-file"])
def test_no_file_with_a_secret_of_any_signer_is_signed(
    run_cli: RunCli, house: Path, flag: str
) -> None:
    secret = house / "b.key" if flag == "--key" else house / "pass.txt"
    secret.write_bytes(b"words in front " * 10 + b"\n" + (house / "b.key").read_bytes())
    os.link(secret, house / "m/README")
    ran = run_cli("sign", "m", "--key", "a.key", flag, secret.name, "--no-scan")
    assert ran.code == 1, ran.stderr
    assert "`README` is a key or passphrase" in ran.stderr


def test_a_name_that_is_not_there_is_told(run_cli: RunCli, house: Path) -> None:
    ran = run_cli("sign", "m", "--key", "a.key", "--ignore-paths", "lgos")
    assert ran.code == 0
    assert "`lgos` is not in the artifact: check the spelling" in ran.stderr
    assert "leaves files out" not in ran.stderr
    assert run_cli("sign", "m", "--key", "a.key", "--ignore-paths", "logs").code == 0


def test_nothing_is_told_about_a_model_signature_that_is_not_written(
    run_cli: RunCli, house: Path
) -> None:
    refused = run_cli("sign", "m", "--key", "a.key", "--add", "--ignore-paths", "logs")
    assert refused.code == 2
    assert run_cli("sign", "m", "--key", "a.key").code == 0
    kept = run_cli("sign", "m", "--key", "b.key", "--ignore-paths", "logs")
    assert kept.code == 0
    assert "leaves files out" not in kept.stderr
    assert "no longer fits" not in kept.stderr
    (house / "m/notes.md").write_bytes(b"other words")
    for more in ((), ("--add",)):
        stale = run_cli("sign", "m", "--key", "b.key", *more)
        assert stale.code == 0
        assert "`model.sig` no longer fits the content" in stale.stderr
    assert "no longer fits" not in run_cli("sign", "m", "--key", "b.key", "--replace").stderr


def test_a_single_file_that_did_not_change_keeps_a_fitting_signature(
    run_cli: RunCli, house: Path
) -> None:
    (house / "one.bin").write_bytes(b"x" * 100)
    assert run_cli("sign", "one.bin", "--key", "a.key", "--no-scan").code == 0
    kept = run_cli("sign", "one.bin", "--key", "b.key", "--no-scan")
    assert "kept" in kept.stderr
    assert "no longer fits" not in kept.stderr
    (house / "one.bin").write_bytes(b"y" * 100)
    assert "no longer fits" in run_cli("sign", "one.bin", "--key", "b.key", "--no-scan").stderr


@pytest.mark.usefixtures("house")
def test_a_timestamp_that_was_got_is_said(run_cli: RunCli) -> None:
    assert " time " not in run_cli("sign", "m", "--key", "a.key").stdout
    tsa = LoopbackTsa()
    try:
        ran = run_cli("sign", "m", "--key", "a.key", "--tsa-url", tsa.url)
    finally:
        tsa.server.stop()
    assert ran.code == 0, ran.stderr
    assert "1 timestamp with each signature" in ran.stdout
    assert "--tsa-chain" in ran.stderr


@pytest.mark.usefixtures("house")
def test_a_chain_of_an_authority_that_is_not_asked_is_a_wrong_call(run_cli: RunCli) -> None:
    ran = run_cli("sign", "m", "--key", "a.key", "--tsa-chain", "a.pub")
    assert ran.code == 2
    assert "--tsa-url" in ran.stderr


@pytest.mark.usefixtures("house")
def test_every_check_that_is_printed_can_be_explained(run_cli: RunCli) -> None:
    signed = json.loads(
        run_cli("sign", "m", "--key", "a.key", "--key", "b.key", "-f", "json").stdout
    )
    verified = json.loads(run_cli("verify", "m", "--key", "a.pub", "-f", "json").stdout)
    doctor = json.loads(run_cli("doctor", "-f", "json").stdout)
    names = {one["name"] for one in (*signed["checks"], *verified["checks"], *doctor["checks"])}
    for name in {*names, "time", "trust", "files", "cosigners"}:
        assert run_cli("explain", *name.split()).code == 0, name


def test_the_guide_to_revoking_works_in_order(run_cli: RunCli, quiet_environment: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/guides/revoking.md").read_text(encoding="utf-8")
    make_tree(quiet_environment / "my-model")
    calls = [line[2:] for line in page.splitlines() if line.startswith("$ ")]
    assert len(calls) == 10
    for call in calls:
        _, *words = shlex.split(call, comments=True)
        expected = 1 if "# exit code 1" in call else 0
        ran = run_cli(*words)
        assert ran.code == expected, f"{call}: {ran.stdout}{ran.stderr}"
        assert expected == 0 or "revoked" in ran.stdout


_CALLS = [
    ("verify", "m", "--key"),
    ("verify", "m", "--trust"),
    ("verify", "m", "--key", "b.pub", "--rotation"),
    ("sign", "m", "--key"),
    ("sign", "m", "--key", "a.key", "--signing-cert"),
    ("inspect",),
    ("key", "list"),
    ("key", "show"),
    ("key", "rotate", "a.key"),
    ("trust", "add", "./t.toml", "--key"),
    ("policy", "init", "-o", "p.toml", "--key"),
]


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:token=x?pin%2Dvalue=SEKRET77",
        "pkcs11:token=x;p%69n-value=SEKRET77",
        "pkcs11:token=my token?module-path=/none.so&PIN-value=a SEKRET77",
        "pkcs11:token=x?module-path=/none.so%26pin%2Dvalue=SEKRET77",
        "pkcs11:token=x%3Fpin%2Dvalue=SEKRET77",
        "hv://user:SEKRET77@host/k",
        "hv:SEKRET77@x",
        "awskms:k?secret=SEKRET77",
    ],
)
@pytest.mark.parametrize("call", _CALLS, ids=" ".join)
def test_no_secret_of_a_key_uri_is_shown_however_it_is_written(
    run_cli: RunCli, call: tuple[str, ...], uri: str
) -> None:
    for form in ("text", "json"):
        ran = run_cli(*call, uri, "-f", form)
        assert ran.code in (1, 2, 3, 4), ran.stderr
        assert "SEKRET77" not in ran.stdout + ran.stderr


@pytest.mark.usefixtures("house")
def test_what_is_no_secret_of_a_key_uri_is_shown(run_cli: RunCli) -> None:
    said = run_cli("verify", "m", "--trust", "./pkcs11:token=x;object=release").stderr
    assert "pkcs11:token=x;object=release" in said


@pytest.mark.usefixtures("house")
def test_a_scan_that_was_not_made_is_said_when_signing_and_when_verifying(
    run_cli: RunCli,
) -> None:
    signed = run_cli("sign", "m", "--key", "a.key", "--no-scan")
    assert "scan         not made (`--no-scan`)" in signed.stdout
    verified = run_cli("verify", "m", "--key", "a.pub")
    assert verified.code == 0
    assert "scan claim      not made (`--no-scan`)" in verified.stdout
    assert run_cli("sign", "m", "--key", "a.key").code == 0
    assert "by weightmark" in run_cli("verify", "m", "--key", "a.pub").stdout


@pytest.mark.usefixtures("house")
def test_options_of_a_signature_that_is_not_written_are_said_to_be_without_effect(
    run_cli: RunCli,
) -> None:
    assert run_cli("sign", "m", "--key", "a.key").code == 0
    kept = run_cli("sign", "m", "--key", "b.key", "--oms-hash", "blake3")
    assert kept.code == 0
    assert "`--oms-hash` without effect: no `model.sig` is written" in kept.stderr
    own = run_cli("sign", "m", "--key", "a.key", "--oms-hash", "blake3")
    assert "without effect" not in own.stderr


@pytest.mark.usefixtures("house")
def test_a_key_is_shown_with_the_hint_by_which_signatures_name_it(run_cli: RunCli) -> None:
    hint = json.loads(run_cli("key", "show", "a.pub", "-f", "json").stdout)["oms_hint"]
    assert hint.removeprefix("sha256:") in run_cli("key", "list").stdout
    assert hint.removeprefix("sha256:") in run_cli("key", "show", "a.pub").stdout
