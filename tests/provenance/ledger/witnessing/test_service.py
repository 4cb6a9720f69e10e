"""A served witness: the answers of tlog-witness, and clients that mean harm."""

import http.client
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.provenance.ledger.witnessing.log_sim import LogSim
from tests.provenance.ledger.witnessing.served import ServedWitness, serving
from weightmark.errors import CallError, NetworkError
from weightmark.provenance.ledger.note import NoteSigner, parse_lines, split_note
from weightmark.provenance.ledger.witnessing.client import WitnessClient
from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier
from weightmark.provenance.ledger.witnessing.request import AddCheckpoint, checkpoint_path
from weightmark.provenance.ledger.witnessing.service import witness_app
from weightmark.provenance.ledger.witnessing.witness import Witness
from weightmark.provenance.serving.listening import serve

NAMES = [f"log.example/{number}" for number in range(8)]
Reply = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "witness"
    Witness.create(folder, "w.example/served")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedWitness]:
    keys = [word for name in NAMES for word in ("--log-key", log(name).signer.verifier.vkey)]
    with serving(folder, *keys) as running:
        yield running


def log(name: str, size: int = 8) -> LogSim:
    return LogSim(size, signer=NoteSigner(name, b"\x07" * 32))


def ask(served: ServedWitness, method: str, path: str, body: bytes = b"") -> Reply:
    connection = http.client.HTTPConnection(*served.address, timeout=20)
    try:
        connection.request(method, path, body)
        reply = connection.getresponse()
        return reply.status, reply.getheader("Content-Type", ""), reply.read()
    finally:
        connection.close()


def add(served: ServedWitness, request: AddCheckpoint) -> Reply:
    return ask(served, "POST", "/add-checkpoint", request.to_bytes())


def test_a_good_checkpoint_is_answered_with_a_line(served: ServedWitness, folder: Path) -> None:
    one = log(NAMES[0])
    status, kind, body = add(served, one.request(0, 5))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    (line,) = parse_lines(body)
    witness = WitnessVerifier.parse((folder / "witness.vkey").read_text().strip())
    assert witness.check(split_note(one.checkpoint(5))[0], line.signature) > 0
    assert add(served, one.request(5))[0] == 200


def test_the_size_that_it_knows_has_a_media_type_of_its_own(served: ServedWitness) -> None:
    one = log(NAMES[1])
    assert add(served, one.request(3)) == (409, "text/x.tlog.size", b"0\n")
    add(served, one.request(0, 6))
    assert add(served, one.request(0)) == (409, "text/x.tlog.size", b"6\n")


def test_each_refusal_has_its_status(served: ServedWitness) -> None:
    one = log(NAMES[2])
    add(served, one.request(0))
    fork = replace(one, salt="other ")
    thief = replace(one, signer=NoteSigner(one.signer.name, b"\x08" * 32))
    unsigned = one.checkpoint().replace(b"\n8\n", b"\n9\n", 1)
    for request, expected in (
        (AddCheckpoint(9, (), one.checkpoint()), 400),
        (log("log.example/unknown").request(0), 404),
        (thief.request(8), 403),
        (AddCheckpoint(8, (), unsigned), 403),
        (AddCheckpoint(8, (), fork.checkpoint()), 422),
        (AddCheckpoint(8, (bytes(32),), one.checkpoint()), 422),
    ):
        assert add(served, request)[0] == expected
    for body in (b"", b"old 0\n\n", b"old 0\n\n" + one.checkpoint()[:-9], b"\xff" * 50):
        assert ask(served, "POST", "/add-checkpoint", body)[0] == 400


def test_what_it_saw_is_shown_below_the_hash_of_the_origin(served: ServedWitness) -> None:
    one = log(NAMES[3])
    path = f"/{checkpoint_path(one.signer.name)}"
    assert ask(served, "GET", path)[0] == 404
    add(served, one.request(0))
    status, kind, note = ask(served, "GET", path)
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert [line.name for line in split_note(note)[1]] == [one.signer.name, "w.example/served"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("GET", "/", 404),
        ("GET", "/../witness.key", 404),
        ("GET", "/..%2fwitness.key/checkpoint", 404),
        ("GET", "/%00/checkpoint", 404),
        ("POST", f"/{'0' * 64}/checkpoint", 405),
    ],
)
def test_nothing_else_is_served(served: ServedWitness, method: str, path: str, status: int) -> None:
    assert ask(served, method, path)[0] == status


def test_a_gigabyte_is_refused_and_nobody_else_waits(served: ServedWitness) -> None:
    with socket.create_connection(served.address, timeout=20) as hostile:
        hostile.sendall(
            b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1073741824\r\n\r\n"
        )
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                hostile.sendall(b"x" * 65536)
                sent += 65536
        except OSError:
            pass
        assert sent < 64 * 1024 * 1024
    assert add(served, log(NAMES[4]).request(0))[0] == 200


def test_hundreds_of_connections_that_say_little_are_hung_up(served: ServedWitness) -> None:
    """More than may be open at once; after some seconds there is room again."""
    dripping = socket.create_connection(served.address, timeout=20)
    dripping.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 99\r\n\r\nold")
    idle = [socket.create_connection(served.address, timeout=20) for _ in range(600)]
    try:
        for one in idle[:300]:
            one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nX-Slow: ")
        deadline = time.monotonic() + 30
        while (status := add(served, log(NAMES[5]).request(0))[0]) == 503:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert status == 200
        assert idle[0].recv(100) == b""
        assert dripping.recv(100).startswith(b"HTTP/1.1 408 ")
    finally:
        for one in (*idle, dripping):
            one.close()


def test_it_stops_in_good_order_and_remembers(tmp_path: Path) -> None:
    Witness.create(tmp_path / "w", "w.example/stopped")
    one = log(NAMES[0])
    with serving(tmp_path / "w", "--log-key", one.signer.verifier.vkey) as running:
        assert add(running, one.request(0, 5))[0] == 200
        assert running.stop() == 0
    with serving(tmp_path / "w", "--log-key", one.signer.verifier.vkey) as running:
        assert add(running, one.request(0))[2] == b"5\n"
        running.process.kill()
        running.process.wait()
    with serving(tmp_path / "w", "--log-key", one.signer.verifier.vkey) as running:
        assert add(running, one.request(5))[0] == 200


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "witness")])
    now = datetime.now(UTC)
    here = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


def test_over_tls_the_same_witness_answers(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vkey,) = Witness.create(tmp_path / "w", "w.example/tls")
    one = log(NAMES[0])
    words = ("--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    client_keys = (WitnessVerifier.parse(vkey),)
    with serving(tmp_path / "w", "--log-key", one.signer.verifier.vkey, *words) as running:
        assert running.url.startswith("https://127.0.0.1:")
        asking = WitnessClient(running.url, client_keys, attempts=1)
        with pytest.raises(NetworkError, match="no cosignature"):
            asking.cosign(one.head())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        (line,) = asking.cosign(one.head())
    assert client_keys[0].wrote(line)


def test_a_certificate_that_cannot_be_used_is_a_wrong_call(
    certificate: tuple[Path, Path], folder: Path, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (tmp_path / "locked").write_bytes(locked)
    app = witness_app(Witness.open(folder, []))
    for pair in (
        (certificate[0], tmp_path / "missing"),
        (certificate[1], certificate[1]),
        (certificate[0], tmp_path / "locked"),
    ):
        with pytest.raises(CallError, match="cannot be used for https"):
            serve(app, "127.0.0.1", 0, tls=pair)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/add-checkpoint", "/nothing/here", "/x/checkpoint"])
def test_every_answer_of_a_witness_has_the_same_headers(
    served: ServedWitness, method: str, path: str
) -> None:
    connection = http.client.HTTPConnection(*served.address, timeout=20)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        assert reply.getheader("X-Content-Type-Options") == "nosniff"
        assert "default-src 'none'" in str(reply.getheader("Content-Security-Policy"))
    finally:
        connection.close()
