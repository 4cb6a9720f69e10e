"""The rows of the table that are about the gate: whole processes beside hashes alone and beside other tools."""

import base64
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from artifacts import MEBIBYTE, safetensors_of, torch_zip_of
from measure import Command, paired, run

if TYPE_CHECKING:
    from run import Bench

ANSWER_GOAL, CLAIM_GOAL, FIRST_GOAL, PEERS_GOAL = 1.5, 1.15, 1.25, 1 / 6
SERVED_GOAL = 15.0
"""milliseconds"""
_SETTLED = 3
"""seconds after which a file that was just written may get a receipt"""
SCANNER = ".peers/modelscan/bin/modelscan"
POLICY = """version = 1
trust_receipts = true
[roles.release]
keys = ["{release}"]
[roles.gate]
keys = ["{gate}"]
[require.release]
[vsa]
role = "gate"
max_age = "7d"
clock = "verifier"
"""

Figures = tuple[str, float, float | None, str, float, float]
"""as the fields of a `Row`"""


def gate_figures(bench: "Bench", peer: Path, root: Path) -> Iterator[Figures]:
    """Yield the rows of first gates, of answered ones, and beside the tools that do parts of it."""
    yield from _first(bench)
    yield from _answered(bench)
    yield from _beside_peers(bench, peer, root / SCANNER)


def _rounds(bench: "Bench", many: int = 5) -> int:
    return 2 if bench.quick else many


def _first(bench: "Bench") -> Iterator[Figures]:
    """Gate weights for the first time: beside `digest` where a claim lists them, else beside SHA-256."""
    size = 64 if bench.quick else 2048
    private, public = bench.key()
    file = safetensors_of(bench.scratch / "gate" / "m" / "model.safetensors", size * MEBIBYTE)
    folder = file.parent
    run(bench.command("sign", folder, "--key", private), bench.env)
    call = ("gate", folder, "--policy", "baseline", "--key", public, "--fresh")
    gate, digest = bench.command(*call), bench.command("digest", folder, "--fresh", label="digest")
    pair = paired(gate, digest, _rounds(bench), bench.env)
    name = f"first `gate` of {size} MiB with a manifest claim / `digest`"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, CLAIM_GOAL)
    (folder / "model.claims").unlink()
    sha256 = _sha256(bench, file)
    pair = paired(gate, sha256, _rounds(bench), bench.env)
    name = f"first `gate` of {size} MiB by `model.sig` / SHA-256 alone"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, FIRST_GOAL)


def _answered(bench: "Bench") -> Iterator[Figures]:
    """Gate what an earlier decision answers, with receipts, beside a call that does nothing."""
    size = 64 if bench.quick else 2048
    private, public = bench.key()
    own = bench.scratch / "gate.key"
    run(bench.command("key", "generate", "-o", own), bench.env)
    folder = bench.scratch / "gate" / "answered"
    safetensors_of(folder / "model.safetensors", size * MEBIBYTE)
    run(bench.command("sign", folder, "--key", private), bench.env)
    policy = bench.scratch / "gate.toml"
    policy.write_text(POLICY.format(release=public, gate=own.with_suffix(".pub")))
    call = ("gate", folder, "--policy", policy)
    vsa = bench.scratch / "decision.vsa"
    time.sleep(_SETTLED)
    run(bench.command(*call, "--vsa", vsa, "--signing-key", own), bench.env)
    answered = bench.command(*call, "--claims", vsa)
    _require_answered(answered, bench.env)
    start = bench.command("--version", label="start")
    pair = paired(answered, start, _rounds(bench, 11), bench.env)
    name = f"`gate` of {size} MiB, answered, with receipts / `--version`"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, ANSWER_GOAL)
    late = _asked(policy, vsa, bench.env, 100 if bench.quick else 1000)
    yield ("`gate serve`, answered by identity, p99", late, None, "ms", late, SERVED_GOAL)


def _require_answered(command: Command, env: Mapping[str, str]) -> None:
    """Refuse to measure a call that reads and judges after all."""
    told = subprocess.run(
        (*command.argv, "-q", "-f", "json"), env=env, stdout=subprocess.PIPE, check=True
    )
    found = json.loads(told.stdout)
    if not found["answer"] or found["known"] != "remembered":
        sys.exit("error: no earlier decision answers, or the files are read again")


def _asked(policy: Path, vsa: Path, env: Mapping[str, str], count: int) -> float:
    """Ask a service of the same environment as this script, one by one; returns p99 in milliseconds."""
    (subject,) = json.loads(
        base64.b64decode(json.loads(vsa.read_text())["dsseEnvelope"]["payload"])
    )["subject"]
    body = json.dumps({"identity": f"wm1:{subject['digest']['sha256']}"})
    words = ("gate", "serve", "--policy", policy, "--claims", vsa, "--port", "0", "--rate", "0")
    command = [sys.executable, "-m", "weightmark", *map(str, words), "--isolated"]
    log = policy.with_name("served.log")
    with (
        log.open("w") as said,
        subprocess.Popen(command, env=env, stdout=said, stderr=said) as service,
    ):
        try:
            place = _listening(service, log)
            times = _times(place, body, count)
        finally:
            service.terminate()
    return sorted(times)[int(count * 0.99) - 1] * 1e3


def _listening(service: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int]:
    while not (found := re.search(r"listening on http://([\d.]+):(\d+)", log.read_text())):
        if service.poll() is not None:
            sys.exit("error: the service did not start")
        time.sleep(0.05)
    return found[1], int(found[2])


def _times(place: tuple[str, int], body: str, count: int) -> list[float]:
    connection = HTTPConnection(*place)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("POST", "/v1/decide", body)
        reply = connection.getresponse()
        reply.read()
        times.append(time.perf_counter() - start)
        if reply.status != HTTPStatus.OK:
            sys.exit(f"error: the service answers {reply.status}")
    connection.close()
    return times


def _beside_peers(bench: "Bench", peer: Path, scanner: Path) -> Iterator[Figures]:
    """Gate a model of torch beside `model_signing verify` and then `modelscan`."""
    if not scanner.exists():
        sys.exit(f"error: `{scanner}` is missing\nhint: run `make peers`")
    size = 64 if bench.quick else 2048
    private, public = bench.key()
    file = torch_zip_of(bench.scratch / "gate" / "torch" / "model.pt", size * MEBIBYTE)
    folder = file.parent
    run(bench.command("sign", folder, "--key", private), bench.env)
    gate = bench.command("gate", folder, "--policy", "baseline", "--key", public, "--fresh")
    verify = (peer, "-m", "model_signing", "verify", "key", folder, "--signature")
    words = [*map(str, (*verify, folder / "model.sig", "--public_key", public))]
    both = f"{shlex.join(words)} && {shlex.join([str(scanner), '-p', str(folder)])}"
    theirs = Command("model_signing, modelscan", ("sh", "-c", both))
    pair = paired(gate, theirs, _rounds(bench, 3), bench.env)
    name = f"`gate` of {size} MiB of torch / `model_signing verify`, then `modelscan`"
    yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, PEERS_GOAL)


def _sha256(bench: "Bench", file: Path) -> Command:
    code = (
        "import hashlib, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    hashlib.file_digest(file, 'sha256').hexdigest()\n"
    )
    return Command("sha256", (str(bench.bin / "python"), "-c", code, str(file)))
