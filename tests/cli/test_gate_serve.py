"""`gate serve`, as pipelines and clusters ask it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_signed
from tests.cli.running import RunCli
from weightmark.attestations.gate.serving.admission_review import ANNOTATION
from weightmark.attestations.keys import PrivateKey

ROOT = Path(__file__).parents[2]
POLICY = """version = 1
[roles.release]
keys = ["release.pub"]
[roles.gate]
keys = ["gate.pub"]
[require.release]
[vsa]
role = "gate"
max_age = "7d"
clock = "verifier"
"""
PATIENCE = 60.0
PRIVATE = PrivateKey.generate()


@dataclass
class Served:
    """Where it listens, and its process."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def decide(self, **question: str) -> tuple[int, dict[str, Any]]:
        status, body = self.ask("POST", "/v1/decide", json.dumps(question).encode())
        found: dict[str, Any] = json.loads(body)
        return status, found

    def lines(self, count: int) -> list[dict[str, Any]]:
        lines: list[str] = []
        for _ in range(100):
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            if len(lines) >= count:
                break
            time.sleep(0.05)
        return [json.loads(line) for line in lines]


@contextmanager
def serving(place: Path, *options: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "weightmark", "gate", "serve", "--policy", "./p.toml"]
    log = place / "answers.log"
    process = subprocess.Popen(
        [*command, "--port", "0", "--isolated", "--access-log", str(log), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(place / "state")},
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        while not (found := re.search(r"listening on (\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield Served(found[1], process, log)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "gate.key").write_bytes(PRIVATE.to_pem(None))
    (tmp_path / "gate.pub").write_bytes(PRIVATE.public.pem)
    (tmp_path / "p.toml").write_text(POLICY)
    (tmp_path / "models").mkdir()
    make_signed(tmp_path / "models" / "good")
    make_signed(tmp_path / "models" / "edited")
    (tmp_path / "models" / "edited" / "more.pkl").write_bytes(EVIL_PICKLE)
    return tmp_path


def test_files_beneath_a_root_are_judged_and_only_a_yes_is_200(place: Path) -> None:
    with serving(place, "--root", "models") as served:
        status, said = served.decide(path="good")
        assert (status, said["allowed"], said["verdict"], said["known"]) == (
            200,
            True,
            "allow",
            "read",
        )
        assert said["identity"].startswith("wm1:")
        status, said = served.decide(path="edited")
        assert (status, said["allowed"], said["verdict"]) == (403, False, "deny")
        assert any(check["outcome"] == "fail" for check in said["checks"])
        assert str(place) not in json.dumps(said), "where files lie is nobody's business"
        for path in ("../p.toml", "/etc", "missing"):
            status, said = served.decide(path=path)
            assert (status, said["allowed"], said["asked"]) == (400, False, path)
            assert {one["outcome"] for one in said["checks"]} == {"unchecked"}
        status, said = served.decide(identity=f"wm1:{'a' * 64}")
        assert (status, said["allowed"], said["known"]) == (403, False, "asked")
        assert [line["allowed"] for line in served.lines(6)] == [True, *[False] * 5]
        assert served.ask("GET", "/health")[0] == 200
        metrics = served.ask("GET", "/metrics")[1].decode()
        assert 'weightmark_gate_artifacts_total{verdict="allow"} 1.0' in metrics
        assert 'weightmark_gate_artifacts_total{verdict="deny"} 1.0' in metrics


def test_an_identity_is_answered_by_an_earlier_decision(place: Path, run_cli: RunCli) -> None:
    ran = run_cli(
        *["gate", "models/good", "--policy", "./p.toml", "-f", "json"],
        *["--vsa", "good.vsa", "--signing-key", "gate.key"],
        cwd=place,
    )
    assert ran.code == 0, ran.stdout
    identity = json.loads(ran.stdout)["identity"]
    with serving(place, "--claims", "good.vsa") as served:
        status, said = served.decide(identity=identity)
        assert (status, said["verdict"], said["known"]) == (200, "allow", "asked"), said
        assert "content not read here" in json.dumps(said["checks"])
        status, said = served.decide(identity=f"wm1:{'0' * 64}")
        assert (status, said["allowed"]) == (403, False)
        review = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u",
                "operation": "CREATE",
                "kind": {"kind": "Pod"},
                "namespace": "serving",
                "name": "chat",
                "object": {"metadata": {"annotations": {ANNOTATION: identity}}},
            },
        }
        status, body = served.ask("POST", "/v1/admission?timeout=10s", json.dumps(review).encode())
        assert status == 200
        assert json.loads(body)["response"] == {"allowed": True, "uid": "u"}
        review["request"]["object"] = {"metadata": {}}  # type: ignore[index] # a dictionary
        _, body = served.ask("POST", "/v1/admission", json.dumps(review).encode())
        assert json.loads(body)["response"]["allowed"] is False
        assert served.lines(4)[-2]["subject"] == "Pod serving/chat"


def test_each_decision_enters_the_ledger_but_none_of_a_dry_run(
    place: Path, run_cli: RunCli
) -> None:
    for call in (["ledger", "init", "log", "--admit", "gate.pub"],):
        assert run_cli(*call, cwd=place).code == 0
    keeping = ("--ledger", "log", "--record", "--signing-key", "gate.key")
    with serving(place, "--root", "models", *keeping) as served:
        status, said = served.decide(path="good")
        assert (status, said["record"]["kind"]) == (200, "decision"), said
        status, said = served.decide(path="edited")
        assert (status, said["record"]["kind"]) == (403, "decision")
        dry = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u",
                "operation": "CREATE",
                "dryRun": True,
                "object": {"metadata": {"annotations": {ANNOTATION: f"wm1:{'a' * 64}"}}},
            },
        }
        served.ask("POST", "/v1/admission", json.dumps(dry).encode())
    listed = run_cli(
        "ledger", "list", "--kind", "decision", "--ledger", "log", "-f", "json", cwd=place
    )
    assert len(json.loads(listed.stdout)["entries"]) == 2


def test_a_decision_that_cannot_be_entered_allows_nothing(place: Path, run_cli: RunCli) -> None:
    assert run_cli("ledger", "init", "log", "--admit", "release.pub", cwd=place).code == 0
    keeping = ("--ledger", "log", "--record", "--signing-key", "gate.key")
    with serving(place, "--root", "models", *keeping) as served:
        status, said = served.decide(path="good")
    assert (status, said["allowed"], said["verdict"]) == (403, False, "could-not-be-checked")


def test_without_the_token_nobody_is_answered(place: Path) -> None:
    (place / "token").write_text("0123456789abcdef0123456789abcdef\n")
    with serving(place, "--root", "models", "--token-file", "token") as served:
        body = b'{"path": "good"}'
        assert served.ask("POST", "/v1/decide", body)[0] == 401
        for shown in ("Bearer wrong", "Basic 0123456789abcdef0123456789abcdef", "Bearer "):
            assert served.ask("POST", "/v1/decide", body, Authorization=shown)[0] == 401
        good = "Bearer 0123456789abcdef0123456789abcdef"
        assert served.ask("POST", "/v1/decide", body, Authorization=good)[0] == 200
        assert "0123456789abcdef" not in served.log.read_text()


def test_what_takes_too_long_is_a_no(place: Path) -> None:
    with (place / "models" / "large.bin").open("wb") as file:
        file.truncate(4 << 30)
    with serving(place, "--root", "models", "--within", "0.1") as served:
        status, said = served.decide(path="large.bin")
        assert (status, said["allowed"], said["verdict"]) == (403, False, "could-not-be-checked")


def test_hostile_requests_are_refused_and_the_next_is_answered(place: Path) -> None:
    with serving(place, "--root", "models", "--jobs", "1") as served:
        address = (str(urlsplit(served.url).hostname), int(urlsplit(served.url).port or 0))
        slow = [socket.create_connection(address) for _ in range(20)]
        for one in slow:
            one.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        for body in (b"", b"[" * 100_000, b'{"path": "' + b"a/" * 3000 + b'"}', b"\xff\xfe"):
            assert served.ask("POST", "/v1/decide", body)[0] == 400
        with socket.create_connection(address, PATIENCE) as large:
            large.sendall(
                b"POST /v1/decide HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n{"
            )
            assert large.recv(100).startswith(b"HTTP/1.1 413")
        assert served.ask("POST", "/v1/admission", b"{}")[0] == 400
        assert served.ask("GET", "/v1/decide")[0] == 405
        assert served.ask("POST", "/v1/nothing", b"{}")[0] == 404
        assert served.decide(path="good")[0] == 200
        for one in slow:
            one.close()


def test_many_askers_at_once_each_get_their_own_answer(place: Path) -> None:
    with serving(place, "--root", "models", "--rate", "0", "--within", "60") as served:
        found: dict[int, tuple[int, str]] = {}

        def ask(number: int) -> None:
            status, said = served.decide(path="good" if number % 2 else "edited")
            found[number] = status, said["asked"]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {n: (200, "good") if n % 2 else (403, "edited") for n in range(12)}


def test_an_address_that_asks_too_often_is_told_to_wait(place: Path) -> None:
    with serving(place, "--root", "models", "--rate", "1") as served:
        codes = {served.decide(path="missing")[0] for _ in range(8)}
    assert codes == {400, 429}


def test_it_stops_in_good_order(place: Path) -> None:
    with serving(place, "--root", "models") as served:
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "missing option `--policy`"),
        (("--policy", "baseline", "--key", "release.pub"), "nothing could be answered"),
        (("--policy", "./p.toml", "--root", "nowhere"), "is no folder"),
        (("--policy", "./p.toml", "--record", "--ledger", "log"), "needs a signer"),
        (("--policy", "./p.toml", "--token-file", "release.pub"), "holds no token"),
        (("--policy", "./p.toml", "--claims", "nowhere"), "does not exist"),
        (("--policy", "./p.toml", "--tls-key", "gate.key"), "go together"),
    ],
)
def test_a_service_that_could_not_work_does_not_start(
    place: Path, run_cli: RunCli, options: tuple[str, ...], said: str
) -> None:
    ran = run_cli("gate", "serve", *options, cwd=place)
    assert ran.code == 2
    assert said in ran.stderr
