"""Timestamps that were asked for: kept when they fit, and never missed in silence."""

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attestations.forge import make_tree, signer
from tests.attestations.signers.parties import LoopbackTsa
from tests.sim.faults import Fault, FaultKind
from tests.sim.web import Answer, Request
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.making.timestamping import TimestampClient
from weightmark.attestations.signers.choice import SignerChoice
from weightmark.attestations.signers.timestamped import TimestampedSigner
from weightmark.attestations.sigstore.timestamps import authorities_from_pem
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import CallError, Exit, NetworkError, TrustMissingError

SIGNATURE = b"a signature"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def client(*urls: str, timeout: float = 5.0) -> TimestampClient:
    return TimestampClient(urls, timeout=timeout, pause=lambda _seconds: None)


def signer_key() -> PrivateKey:
    return PrivateKey.generate()


@contextmanager
def dripping() -> Iterator[str]:
    """Serve headers that never end, one byte every tenth of a second."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            server.settimeout(10)
            with suppress(OSError):
                caller, _ = server.accept()
                with caller:
                    caller.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not stop.wait(0.1):
                        caller.sendall(b"x")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            stop.set()
            thread.join(10)


def test_every_signature_of_a_release_carries_its_own_timestamp(
    tmp_path: Path, tsa: LoopbackTsa
) -> None:
    from rfc3161_client import decode_timestamp_response

    stamped = TimestampedSigner(signer(), client(tsa.url))
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, stamped, SignOptions(scan=False))
    lines = [(tree / "model.sig").read_bytes(), *(tree / "model.claims").read_bytes().splitlines()]
    imprints = set()
    for line in lines:
        (stamp,) = Bundle.parse(line).timestamps
        imprints.add(decode_timestamp_response(stamp).tst_info.message_imprint.message)
    assert len(imprints) == len(lines) == 3
    assert examine(tree, stamped.own_trust()).report.exit is Exit.GOOD


def test_a_claim_is_stamped_as_well(tmp_path: Path, tsa: LoopbackTsa) -> None:
    tree = make_tree(tmp_path / "m")
    stamped = TimestampedSigner(signer(), client(tsa.url))
    result = add_claim(tree, stamped, "https://example.com/p", {})
    assert len(result.claims[0].timestamps) == 1


def test_every_authority_that_was_named_is_asked(tsa: LoopbackTsa) -> None:
    assert len(client(tsa.url, f"{tsa.url}/second").stamp(SIGNATURE)) == 2
    tsa.server.route("gone", "/gone", lambda _: Answer(b"no such page", 404, "text/plain"))
    with pytest.raises(NetworkError, match="gave no timestamp") as caught:
        client(tsa.url, f"{tsa.server.url}/gone").stamp(SIGNATURE)
    assert "HTTP 404" in caught.value.why
    assert "no such page" in caught.value.why


LIES = {
    "stale": "its clock says",
    "wrong imprint": "about something else",
    "wrong nonce": "answers another question",
    "rejection": "refused to make one",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_kept(tsa: LoopbackTsa, lie: str) -> None:
    tsa.faults["tsa"] = Fault.lie(lie)
    with pytest.raises(NetworkError, match=LIES[lie]):
        client(tsa.url).stamp(SIGNATURE)


def test_a_page_for_people_is_no_timestamp_and_its_text_is_shown(tsa: LoopbackTsa) -> None:
    tsa.server.route(
        "portal", "/portal", lambda _: Answer(b"<p>Log in \x1b[31mhere</p>", 200, "text/html")
    )
    with pytest.raises(NetworkError, match="answered `text/html`") as caught:
        client(f"{tsa.server.url}/portal").stamp(SIGNATURE)
    assert "Log in" in caught.value.why
    assert "\x1b" not in caught.value.why


@pytest.mark.parametrize(
    "body", [b"", b"\x30\x00", b"\x30\x03\x02\x01\x00", b"not DER", b"\xff" * 100]
)
def test_garbage_is_no_timestamp(tsa: LoopbackTsa, body: bytes) -> None:
    tsa.server.route("junk", "/junk", lambda _: Answer(body, 200, "application/timestamp-reply"))
    with pytest.raises(NetworkError, match="no timestamp from"):
        client(f"{tsa.server.url}/junk").stamp(SIGNATURE)


def test_an_answer_without_end_is_bounded(tsa: LoopbackTsa) -> None:
    tsa.server.route(
        "big", "/big", lambda _: Answer(bytes(1 << 20), 200, "application/timestamp-reply")
    )
    with pytest.raises(NetworkError, match="over 131072 bytes"):
        client(f"{tsa.server.url}/big").stamp(SIGNATURE)


def test_a_busy_authority_is_asked_again_and_a_dead_one_given_up(tsa: LoopbackTsa) -> None:
    tsa.faults["tsa"] = Fault.error(503, "try later", times=2)
    assert client(tsa.url).stamp(SIGNATURE)
    tsa.faults["tsa"] = Fault.error(503, "try later")
    with pytest.raises(NetworkError, match="after 3 attempts") as caught:
        client(tsa.url).stamp(SIGNATURE)
    assert "try later" in caught.value.why
    tsa.faults["tsa"] = Fault.down()
    with pytest.raises(NetworkError, match="after 3 attempts"):
        client(tsa.url).stamp(SIGNATURE)


def test_pauses_between_attempts_grow(tsa: LoopbackTsa) -> None:
    pauses: list[float] = []
    tsa.faults["tsa"] = Fault.down()
    with pytest.raises(NetworkError):
        TimestampClient((tsa.url,), pause=pauses.append).stamp(SIGNATURE)
    assert pauses == sorted(pauses)
    assert len(pauses) == 2


def test_a_question_that_was_refused_is_not_repeated(tsa: LoopbackTsa) -> None:
    tsa.faults["tsa"] = Fault.error(400, "bad request")
    with pytest.raises(NetworkError, match="gave no timestamp"):
        client(tsa.url).stamp(SIGNATURE)
    assert len(tsa.server.requests("tsa")) == 1


@pytest.mark.parametrize("fault", [Fault.slow(30), Fault(FaultKind.DRIP)])
def test_a_slow_authority_does_not_hold_the_signer_for_ever(tsa: LoopbackTsa, fault: Fault) -> None:
    tsa.faults["tsa"] = fault
    began = time.monotonic()
    with pytest.raises(NetworkError):
        TimestampClient((tsa.url,), timeout=0.4, attempts=2, pause=lambda _: None).stamp(SIGNATURE)
    assert time.monotonic() - began < 20


def test_headers_that_drip_do_not_hold_the_signer() -> None:
    with dripping() as url:
        began = time.monotonic()
        with pytest.raises(NetworkError) as caught:
            TimestampClient((url,), timeout=0.5, attempts=1).stamp(SIGNATURE)
    assert time.monotonic() - began < 5
    assert "0.5 s" in caught.value.why


def test_a_token_with_a_broken_signature_is_not_kept(tsa: LoopbackTsa) -> None:
    def broken(request: Request) -> Answer:
        good = tsa.authority.handle(request)
        return Answer(good.body[:-1] + bytes([good.body[-1] ^ 1]), 200, good.kind)

    tsa.server.route("broken", "/broken", broken)
    with pytest.raises(NetworkError, match="no timestamp from"):
        client(f"{tsa.server.url}/broken").stamp(SIGNATURE)


def test_with_a_chain_another_authority_is_refused_and_without_one_it_is_told(
    tsa: LoopbackTsa, tmp_path: Path
) -> None:
    chain = tmp_path / "tsa.pem"
    chain.write_bytes(
        b"".join(
            one.certificate.public_bytes(Encoding.PEM)
            for one in (tsa.authority.leaf, tsa.authority.root)
        )
    )
    choice = SignerChoice((signer_key(),), tsa_urls=(tsa.url,), tsa_chains=(chain,))
    (known,) = choice.load()
    assert known.sign_statement(b"{}").timestamps
    assert not any("--tsa-chain" in one for one in known.notices)
    (unknown,) = replace(choice, tsa_chains=()).load()
    assert any("--tsa-chain" in one for one in unknown.notices)
    tsa.faults["tsa"] = Fault.lie("another authority")
    assert unknown.sign_statement(b"{}").timestamps
    with pytest.raises(NetworkError, match="authority that you do not know"):
        known.sign_statement(b"{}")


def test_a_redirect_is_not_followed_to_another_place(tsa: LoopbackTsa) -> None:
    elsewhere = {"Location": tsa.url}
    tsa.server.route("moved", "/moved", lambda _: Answer(b"", 302, "text/plain", elsewhere))
    with pytest.raises(NetworkError, match="gave no timestamp") as caught:
        client(f"{tsa.server.url}/moved").stamp(SIGNATURE)
    assert "HTTP 302" in caught.value.why
    assert not tsa.server.requests("tsa")


def test_nobody_listening_is_said_with_the_reason() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NetworkError, match="after 3 attempts") as caught:
        client(f"http://127.0.0.1:{port}/").stamp(SIGNATURE)
    assert "refused" in caught.value.why.lower()


def test_nothing_is_written_without_the_timestamp(tmp_path: Path, tsa: LoopbackTsa) -> None:
    tree = make_tree(tmp_path / "m")
    tsa.faults["tsa"] = Fault.error(500, "no clock")
    with pytest.raises(NetworkError):
        sign_artifact(tree, TimestampedSigner(signer(), client(tsa.url)), SignOptions(scan=False))
    assert not (tree / "model.sig").exists()
    assert not (tree / "model.claims").exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tsa.example.com",
        "ftp://tsa.example.com",
        "file:///etc/passwd",
        "http://",
        "http://u:p@x/",
    ],
)
def test_what_is_no_url_of_a_service_is_a_wrong_call(url: str) -> None:
    with pytest.raises(CallError, match="no URL"):
        TimestampClient((url,))


def test_an_answer_with_one_bit_flipped_is_refused_or_kept_and_never_a_crash(
    tsa: LoopbackTsa,
) -> None:
    flips = iter(range(0, 12_000, 29))

    def flipped(request: Request) -> Answer:
        good = tsa.authority.handle(request)
        body, bit = bytearray(good.body), next(flips) % (8 * len(good.body))
        body[bit // 8] ^= 1 << bit % 8
        return Answer(bytes(body), 200, good.kind)

    tsa.server.route("flipped", "/flipped", flipped)
    asked = replace(client(f"{tsa.server.url}/flipped"), attempts=1)
    refused = 0
    for _ in range(400):
        try:
            asked.stamp(SIGNATURE)
        except NetworkError:
            refused += 1
    assert refused > 300


def test_a_certificate_of_an_authority_with_one_bit_flipped_is_never_a_crash(
    tsa: LoopbackTsa,
) -> None:
    der = tsa.authority.leaf.certificate.public_bytes(Encoding.DER)
    whole = tsa.authority.root.certificate.public_bytes(Encoding.PEM)
    refused = 0
    for bit in range(0, 8 * len(der), 3):
        body = bytearray(der)
        body[bit // 8] ^= 1 << bit % 8
        text = base64.encodebytes(bytes(body)).decode()
        pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n".encode()
        try:
            authorities_from_pem(pem + whole, what="`tsa.pem`")
        except TrustMissingError:
            refused += 1
    assert refused > 50
