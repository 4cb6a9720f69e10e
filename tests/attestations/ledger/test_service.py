"""A served ledger: what it answers, and clients that mean harm."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    MALLORY,
    ORIGIN,
    admitted,
    identity_of,
    make_ledger,
    release,
)
from tests.attestations.ledger.served import ServedLedger, body_of, serving
from weightmark.attestations.ledger.submission import make_submission
from weightmark.attestations.signers.key import KeySigner
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.rotation import finish_rotation, rotate
from weightmark.provenance.ledger.service.wire import encode_batch, parse_receipts

GIGABYTE = 1 << 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("service") / "ledger"
    make_ledger(place, [admitted(ALICE), admitted(BOB)]).close()
    return place


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[ServedLedger]:
    with serving(folder) as running:
        yield running


def opened(folder: Path) -> Ledger:
    return Ledger.open(folder, memory=CheckpointMemory(folder.with_name("state")))


def code_of(body: bytes) -> str:
    return str(json.loads(body)["code"])


def test_a_submission_is_answered_with_a_receipt_of_a_durable_entry(
    served: ServedLedger, folder: Path
) -> None:
    body = body_of(release(ALICE, "durable"), ORIGIN, ALICE)
    reply = served.add(body)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    with opened(folder) as ledger:
        receipt = verify_receipt(reply.body, ledger.verifier)
        assert receipt.event.subject == identity_of("durable")
        assert ledger.entry(receipt.index).event == receipt.event
    again = served.add(body)
    with opened(folder) as ledger:
        assert verify_receipt(again.body, ledger.verifier).index == receipt.index


def test_a_batch_is_entered_whole_or_not_at_all(served: ServedLedger, folder: Path) -> None:
    with opened(folder) as ledger:
        before, verifier = ledger.refresh().size, ledger.verifier
    good = [made(ALICE, f"batch {number}") for number in range(3)]
    refused = served.ask("POST", "/add-batch", encode_batch([*good, made(MALLORY, "x")]))
    assert (refused.status, b"submission 4 of 4" in refused.body) == (403, True)
    with opened(folder) as ledger:
        assert ledger.refresh().size == before
    for _ in range(2):
        reply = served.ask("POST", "/add-batch", encode_batch(good))
        assert reply.headers["content-type"] == "application/json"
        receipts = parse_receipts(reply.body, 3)
        places = [verify_receipt(one, verifier).index for one in receipts]
        assert places == [before, before + 1, before + 2]


def made(signer: KeySigner, name: str) -> Submission:
    return make_submission(release(signer, name).to_bytes(), ORIGIN, signer)


@pytest.mark.parametrize("body", [b"", b'{"submissions":[]}', b'{"submissions":[{}]}'])
def test_a_batch_of_nothing_is_refused(served: ServedLedger, body: bytes) -> None:
    assert served.ask("POST", "/add-batch", body).status == 400


def test_the_read_paths_are_those_of_a_published_view(served: ServedLedger, folder: Path) -> None:
    served.add(body_of(release(ALICE, "view"), ORIGIN, ALICE))
    with opened(folder) as ledger:
        ledger.publish()
        size = ledger.refresh().size
    for path in (f"tile/0/000.p/{size}", f"tile/entries/000.p/{size}"):
        reply = served.get(f"/{path}")
        assert reply.body == (folder / "tiles" / path).read_bytes()
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["cache-control"] == "max-age=604800, immutable"
    reply = served.get("/checkpoint")
    assert reply.body == (folder / "tiles" / "checkpoint").read_bytes()
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/000",
        "/tile/0/000.p/0",
        "/tile/0/000.p/255",
        "/tile/0/000.p/256",
        "/tile/0/000.p/01",
        "/tile/0/0",
        "/tile/00/000.p/1",
        "/tile/64/000.p/1",
        "/tile/0/x000/000.p/1",
        "/tile/0/999/000.p/1",
        "/tile/entries/001.p/1",
        "/tile/-1/000.p/1",
        "/tile/0/" + "x999/" * 400 + "000.p/1",
        "/tile/0/../../log.key",
        "/tile/0/..%2f..%2flog.key",
        "/log.key",
        "/ledger.db",
        "/../log.key",
        "/claims/",
        "/claims/" + "0" * 64,
        "/claims/" + "A" * 64,
        "/claims/..%2flog.key",
        "/private/",
    ],
)
def test_nothing_else_is_served(served: ServedLedger, path: str) -> None:
    assert served.get(path).status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/add"), ("PUT", "/checkpoint"), ("DELETE", "/claims/" + "0" * 64)]
)
def test_no_other_method_is_answered(served: ServedLedger, method: str, path: str) -> None:
    assert served.ask(method, path).status == 405


def test_a_claim_and_its_request_are_given_by_their_digests(
    served: ServedLedger, folder: Path
) -> None:
    claim = release(BOB, "claim")
    reply = served.add(body_of(claim, ORIGIN, BOB))
    with opened(folder) as ledger:
        event = verify_receipt(reply.body, ledger.verifier).event
    assert served.get(f"/claims/{event.claim_sha256}").body == claim.to_bytes()
    assert served.get(f"/claims/{event.request_sha256}").status == 200


def test_a_search_is_answered_in_json(served: ServedLedger) -> None:
    served.add(body_of(release(ALICE, "sought"), ORIGIN, ALICE))
    reply = served.get(f"/search?kind=release&subject={identity_of('sought')}")
    (entry,) = json.loads(reply.body)["entries"]
    assert entry["event"]["subject"] == identity_of("sought")
    assert json.loads(served.get(f"/search?start={entry['index'] + 1}").body)["entries"] == []
    for wrong in ("kind=nothing", "sort=1", "start=-1", "limit=a", "kind=scan&kind=scan"):
        reply = served.get(f"/search?{wrong}")
        assert (reply.status, code_of(reply.body)) == (400, "usage")


def test_it_says_what_it_is_and_how_it_is(served: ServedLedger, folder: Path) -> None:
    about = json.loads(served.get("/ledger.json").body)
    vkey = (folder / "log.vkey").read_text().strip()
    assert (about["origin"], about["vkey"], about["writable"]) == (ORIGIN, vkey, True)
    assert served.get("/log.vkey").body.decode().strip() == vkey
    health = json.loads(served.get("/health").body)
    assert (health["status"], health["size"] > 0) == ("ok", True)


def test_metrics_count_what_was_decided(served: ServedLedger) -> None:
    def count(outcome: str) -> float:
        text = served.get("/metrics").body.decode()
        found = re.search(rf'submissions_total{{outcome="{outcome}"}} (\S+)', text)
        assert found
        return float(found[1])

    entered, refused = count("entered"), count("refused")
    served.add(body_of(release(ALICE, "counted"), ORIGIN, ALICE))
    served.add(body_of(release(MALLORY, "counted"), ORIGIN, MALLORY))
    assert (count("entered"), count("refused")) == (entered + 1, refused + 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"claim":"e30=","request":"e30="}',
        b'{"claim":"e30=","claim":"e30=","request":"e30="}',
        b'{"claim":"' + b"[" * 100_000 + b'","request":""}',
        b"[" * 200_000,
        b"\x00" * 1000,
    ],
)
def test_malformed_json_is_refused_and_changes_nothing(
    served: ServedLedger, folder: Path, body: bytes
) -> None:
    with opened(folder) as ledger:
        before = ledger.refresh().size
    reply = served.add(body)
    assert reply.status in {400, 413}
    assert code_of(reply.body) in {"malformed", "limit"}
    with opened(folder) as ledger:
        assert ledger.refresh().size == before


def test_whoever_is_not_admitted_is_refused_with_the_reason(served: ServedLedger) -> None:
    stranger = served.add(body_of(release(MALLORY, "s"), ORIGIN, MALLORY))
    elsewhere = served.add(body_of(release(ALICE, "s"), "other.example/log", ALICE))
    for reply in (stranger, elsewhere):
        assert (reply.status, code_of(reply.body)) == (403, "submission-refused")
    assert "other.example/log" in json.loads(elsewhere.body)["what"]


def test_every_decision_is_a_line_of_the_log(served: ServedLedger) -> None:
    served.add(body_of(release(ALICE, "logged"), ORIGIN, ALICE))
    served.add(body_of(release(MALLORY, "logged"), ORIGIN, MALLORY))
    entered, refused = (json.loads(line) for line in served.log.read_text().splitlines()[-2:])
    assert (entered["outcome"], entered["kind"]) == ("entered", "release")
    assert entered["subject"] == identity_of("logged")
    assert entered["address"] == "127.0.0.1"
    assert (refused["outcome"], refused["code"]) == ("refused", "submission-refused")


def test_a_gigabyte_that_is_announced_is_refused_unread(served: ServedLedger) -> None:
    head = f"POST /add HTTP/1.1\r\nHost: w\r\nContent-Length: {GIGABYTE}\r\n\r\n"
    assert flood(served, head.encode(), b"x" * 65536) < 64 << 20
    assert served.get("/health").status == 200


def test_a_gigabyte_in_chunks_is_cut_off_at_the_limit(served: ServedLedger) -> None:
    head = b"POST /add HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert flood(served, head, b"10000\r\n" + b"x" * 65536 + b"\r\n") < 64 << 20
    assert served.get("/health").status == 200


def flood(served: ServedLedger, head: bytes, piece: bytes) -> int:
    """Send until the service hangs up; returns how much it took."""
    sent = 0
    with socket.create_connection(served.address, timeout=20) as hostile:
        try:
            hostile.sendall(head)
            while sent < 128 << 20:
                hostile.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
    return sent


def test_slowloris_and_thousands_of_connections_leave_it_standing(tmp_path: Path) -> None:
    """More than may be open at once: some say nothing, some drip headers, some drip a body."""
    place = tmp_path / "ledger"
    make_ledger(place, [admitted(ALICE)]).close()
    with serving(place) as running:
        idle = [socket.create_connection(running.address, timeout=20) for _ in range(2000)]
        for one in idle[:200]:
            one.sendall(b"POST /add HTTP/1.1\r\nHost: w\r\nContent-Length: 99\r\n\r\n{")
        for one in idle[200:800]:
            one.sendall(b"POST /add HTTP/1.1\r\nHost: w\r\nX-Slow: ")
        try:
            deadline = time.monotonic() + 60
            body = body_of(release(ALICE, "patient"), ORIGIN, ALICE)
            while (status := running.add(body).status) == 503:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            assert status == 200
            assert running.process.poll() is None
        finally:
            for one in idle:
                one.close()


def test_an_address_over_its_rate_waits_and_reads_on(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    make_ledger(place, [admitted(ALICE)]).close()
    with serving(place, "--rate", "0.5") as running:
        body = body_of(release(ALICE, "a"), ORIGIN, ALICE)
        replies = [running.add(body) for _ in range(3)]
        assert [one.status for one in replies] == [200, 429, 429]
        assert int(replies[1].headers["retry-after"]) >= 1
        assert running.get("/search").status == 429
        assert running.get("/checkpoint").status == 200


def test_a_service_that_is_only_read_takes_nothing_and_needs_no_key(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    make_ledger(place, [admitted(ALICE)]).close()
    (place / "log.key").unlink()
    with serving(place, "--read-only") as running:
        assert running.add(body_of(release(ALICE, "a"), ORIGIN, ALICE)).status == 404
        assert not json.loads(running.get("/ledger.json").body)["writable"]
        assert running.get("/checkpoint").status == 200
        assert running.stop() == 0


def test_the_log_gets_a_new_key_while_it_is_served(tmp_path: Path) -> None:
    """Receipts verify under the old key until the overlap ends, and under the new one afterwards."""
    place = tmp_path / "ledger"
    make_ledger(place, [admitted(ALICE)]).close()
    old = NoteVerifier.parse((place / "log.vkey").read_text().strip())
    recovery = NoteSigner.parse((place / "recovery.key").read_text().strip())
    with serving(place) as running:
        assert running.add(body_of(release(ALICE, "a"), ORIGIN, ALICE)).status == 200
        with opened(place) as ledger:
            rotate(ledger, recovery)
        overlap = running.add(body_of(release(ALICE, "b"), ORIGIN, ALICE))
        assert verify_receipt(overlap.body, old).event.subject == identity_of("b")
        with opened(place) as ledger:
            finish_rotation(ledger)
        new = NoteVerifier.parse((place / "log.vkey").read_text().strip())
        assert new != old
        after = running.add(body_of(release(ALICE, "c"), ORIGIN, ALICE))
        assert verify_receipt(after.body, new).event.subject == identity_of("c")
        assert running.get("/log.vkey").body.decode().strip() == new.vkey
        assert {running.get("/search").status for _ in range(12)} == {200}
    with opened(place) as ledger:
        assert ledger.verify().problems == ()
