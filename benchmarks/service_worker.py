"""Measure a served ledger: ``service_worker.py SCRATCH COUNT`` prints entries a second and p99 as JSON.

A service on the loopback, as `ledger serve` starts it; 64 clients in this process send claims that
were signed before, each over its own connection, and wait for the receipt before the next one.
Requests and claims are signed with ECDSA P-256, about 2.7 KB together. Every receipt is verified
after the clock has stopped. Clients and service share the machine.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.submission import make_submission
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.service.wire import encode_submission
from weightmark.provenance.manifest import Manifest, Row

ORIGIN = "ledger.example.com/models"
CLIENTS = 64
WARM_UP = 256


def release(signer: KeySigner, number: int) -> Bundle:
    """Sign a claim about an artifact of three files that nobody has."""
    digest = f"{number:064x}"
    names = ("config.json", "model.safetensors", "tokenizer.json")
    manifest = Manifest.from_rows([Row(name, 4096, digest) for name in names])
    claim = ManifestClaim(manifest, dict.fromkeys(names, digest), links=False)
    statement = Statement.about_manifest(
        f"model {number}", manifest.identity, MANIFEST_PREDICATE, claim.to_predicate(), {}
    )
    return signer.sign_statement(statement)


def request(body: bytes) -> bytes:
    """Write `POST /add`."""
    head = f"POST /add HTTP/1.1\r\nHost: ledger\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(connection: socket.socket) -> bytes:
    """Read one answer with a Content-Length; an answer that is no receipt ends everything."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    size = int(found[1]) if found else 0
    while len(body) < size:
        body += connection.recv(65536)
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"error: {head[:100]!r} {body[:300]!r}")
    return body


def client(
    address: tuple[str, int], mine: list[bytes], times: list[float], receipts: list[bytes]
) -> None:
    """Send one after the other."""
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one in mine:
            start = time.perf_counter()
            connection.sendall(one)
            receipts.append(answer(connection))
            times.append(time.perf_counter() - start)


def send_all(address: tuple[str, int], requests: list[bytes]) -> tuple[list[float], list[bytes]]:
    """Let 64 clients send; returns the time and receipt of each request."""
    times: list[float] = []
    receipts: list[bytes] = []
    threads = [
        threading.Thread(target=client, args=(address, requests[at::CLIENTS], times, receipts))
        for at in range(CLIENTS)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return times, receipts


def measure(scratch: Path, count: int) -> dict[str, float]:
    """Measure a service that starts with an empty ledger."""
    signer = KeySigner(PrivateKey.generate())
    keys = [Submitter.from_pem(signer.public.pem)]
    place = scratch / "served"
    memory = CheckpointMemory(scratch / "state")
    with Ledger.create(place, origin=ORIGIN, submitters=keys, memory=memory) as ledger:
        verifier = ledger.verifier
    requests = [
        request(encode_submission(make_submission(claim, ORIGIN, signer)))
        for claim in (release(signer, number).to_bytes() for number in range(count + WARM_UP))
    ]
    command = [sys.executable, "-m", "weightmark", "ledger", "serve", "--ledger", str(place)]
    more = ["--port", "0", "--rate", "0", "--isolated", "--access-log", str(scratch / "log")]
    with subprocess.Popen(
        [*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as service:
        url = None
        while service.stderr and url is None:
            url = re.search(r"listening on http://([\d.]+):(\d+)", service.stderr.readline())
        if url is None:
            sys.exit("error: the service did not start")
        address = url[1], int(url[2])
        send_all(address, requests[:WARM_UP])
        start = time.perf_counter()
        times, receipts = send_all(address, requests[WARM_UP:])
        took = time.perf_counter() - start
        service.terminate()
    places = {verify_receipt(one, verifier).index for one in receipts}
    if len(places) != count or service.returncode:
        sys.exit("error: not every submission has an entry of its own")
    return {"add_rate": count / took, "add_p99": sorted(times)[int(count * 0.99)] * 1e3}


if __name__ == "__main__":
    os.environ.setdefault("XDG_STATE_HOME", sys.argv[1])
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
