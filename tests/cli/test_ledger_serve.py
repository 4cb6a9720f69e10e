"""`ledger serve`, and the commands that take `--ledger https://…`."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.attestations.ledger.served import ServedLedger, serving
from tests.cli.running import RunCli


@pytest.fixture
def home(run_cli: RunCli, tmp_path: Path) -> Path:
    """A signer, a signed model and a ledger that admits the signer."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.pkl").write_bytes(b"\x80\x04}.")
    for call in (
        ["key", "generate", "-o", "release.key"],
        ["sign", "model", "--key", "release.key"],
        ["ledger", "init", "ledger", "--admit", "release.pub"],
    ):
        assert run_cli(*call, cwd=tmp_path).code == 0
    return tmp_path


@pytest.fixture
def served(home: Path) -> Iterator[ServedLedger]:
    with serving(home / "ledger") as running:
        yield running


@pytest.fixture
def place(served: ServedLedger, home: Path) -> str:
    return f"{served.url}#{(home / 'ledger' / 'log.vkey').read_text().strip()}"


def test_a_release_is_entered_shown_proven_and_audited_over_http(
    run_cli: RunCli, home: Path, place: str
) -> None:
    def run(*call: str) -> str:
        ran = run_cli(*call, cwd=home)
        assert ran.code == 0, ran.stderr
        return ran.stdout

    run("ledger", "append", "model/model.claims", "--ledger", place, "--key", "release.key")
    vkey = place.partition("#")[2]
    run("ledger", "verify", "model", "--receipt", "model/model.receipt", "--log-key", vkey)
    assert " release " in run("ledger", "list", "--ledger", place)
    assert " release " in run("ledger", "search", "--artifact", "model", "--ledger", place)
    assert "kind" in run("ledger", "show", "1", "--ledger", place)
    assert "tlog-proof" in run("ledger", "prove", "1", "--ledger", place)
    assert "sound" in run("ledger", "verify", "--ledger", place)
    assert "no revocation of the content" in run(
        "verify", "model", "--key", "release.pub", "--ledger", place
    )
    run("gate", "model", "--key", "release.pub", "--ledger", place, "--policy", "baseline")


def test_a_revocation_over_http_binds_at_once(run_cli: RunCli, home: Path, place: str) -> None:
    identity = run_cli("digest", "model", cwd=home).stdout.split()[0]
    for call in (
        ["ledger", "append", "model/model.claims", "--ledger", place, "--key", "release.key"],
        ["revoke", identity, "--reason", "x", "--ledger", place, "--key", "release.key"],
    ):
        ran = run_cli(*call, cwd=home)
        assert ran.code == 0, ran.stderr
    for call in (
        ["verify", "model", "--key", "release.pub", "--ledger", place],
        ["gate", "model", "--key", "release.pub", "--ledger", place, "--policy", "baseline"],
    ):
        ran = run_cli(*call, cwd=home)
        assert ran.code == 1
        assert "revoked at #3" in ran.stdout
    ran = run_cli("impact", identity, "--ledger", place, cwd=home)
    assert ran.code == 0, ran.stderr


def test_a_decision_is_recorded_over_http(run_cli: RunCli, home: Path, place: str) -> None:
    ran = run_cli(
        *["gate", "model", "--key", "release.pub", "--policy", "baseline", "-f", "json"],
        *["--ledger", place, "--record", "--signing-key", "release.key"],
        cwd=home,
    )
    assert ran.code == 0, ran.stderr
    listed = run_cli("ledger", "list", "--kind", "decision", "--ledger", place, "-f", "json")
    assert len(json.loads(listed.stdout)["entries"]) == 1


def test_whom_to_believe_must_be_said(run_cli: RunCli, home: Path, served: ServedLedger) -> None:
    ran = run_cli("ledger", "list", "--ledger", served.url)
    assert ran.code == 2
    assert "was not said" in ran.stderr
    named = ["--log-key", str(home / "ledger" / "log.vkey")]
    assert run_cli("ledger", "list", "--ledger", served.url, *named).code == 0


@pytest.mark.parametrize("words", [["ledger", "list"], ["verify", "model"], ["gate", "model"]])
def test_offline_reaches_no_served_ledger(run_cli: RunCli, home: Path, words: list[str]) -> None:
    more = {
        "verify": ["--key", "release.pub"],
        "gate": ["--key", "release.pub", "--policy", "baseline"],
    }
    key = more.get(words[0], [])
    ran = run_cli(
        *words, *key, "--ledger", "https://me:secret@ledger.example", "--offline", cwd=home
    )
    assert ran.code == 4, ran.stderr
    assert "secret" not in ran.stderr
    assert run_cli("ledger", "serve", "--offline", "--ledger", str(home / "ledger")).code == 4


def test_a_service_that_is_gone_is_nothing_checked(
    run_cli: RunCli, home: Path, served: ServedLedger, place: str
) -> None:
    served.kill()
    ran = run_cli("verify", "model", "--key", "release.pub", "--ledger", place, cwd=home)
    assert ran.code == 4
    ran = run_cli(
        *["ledger", "append", "model/model.claims", "--ledger", place, "--key", "release.key"],
        cwd=home,
    )
    assert ran.code == 4


def test_an_address_without_encryption_is_a_wrong_call(run_cli: RunCli) -> None:
    ran = run_cli("ledger", "list", "--ledger", "http://ledger.example/x")
    assert ran.code == 2
    assert "not encrypted" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tls-cert", "cert.pem"], "go together"),
        (["--ledger", "https://ledger.example"], "served already"),
        (["--ledger", "nothing"], "no ledger"),
        (["--ledger", "ledger", "--host", "203.0.113.1"], "cannot listen"),
    ],
)
def test_a_service_that_cannot_start_says_why(
    run_cli: RunCli, home: Path, words: list[str], said: str
) -> None:
    ran = run_cli("ledger", "serve", "--port", "0", *words, cwd=home)
    assert ran.code == 2
    assert said in ran.stderr


def test_a_service_speaks_https_with_its_certificate(
    run_cli: RunCli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(home)
    tls = ("--tls-cert", str(home / "cert.pem"), "--tls-key", str(home / "cert.key"))
    with serving(home / "ledger", *tls) as running:
        vkey = (home / "ledger" / "log.vkey").read_text().strip()
        call = ["ledger", "list", "--ledger", f"{running.url}#{vkey}"]
        assert running.url.startswith("https://127.0.0.1:")
        refused = run_cli(*call)
        assert refused.code == 4
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(home / "cert.pem"))
        believed = run_cli(*call)
        assert believed.code == 0, believed.stderr
    assert os.environ["REQUESTS_CA_BUNDLE"]


def write_certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ledger")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "cert.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
