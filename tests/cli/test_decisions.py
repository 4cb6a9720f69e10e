"""Decisions as evidence, at the command line: many artifacts, kept decisions, earlier answers, what would change."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.decisions.makers import (
    GATE,
    GATE_KEY,
    OTHER_GATE,
    OTHER_KEY,
    bare_copy,
)
from tests.attestations.gate_makers import KEY, STRANGER, make_model, make_signed
from tests.attestations.signers.parties import LoopbackTsa
from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.svr import SimpleVerificationResult
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust

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
[environments.prod.scan]
allow_formats = ["gguf"]
[environments.dev]
mode = "warn"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_environment: Path) -> Path:
    assert quiet_environment.is_dir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "gate.key").write_bytes(GATE_KEY.to_pem(None))
    (tmp_path / "gate.pub").write_bytes(GATE.public.pem)
    (tmp_path / "submit.key").write_bytes(OTHER_KEY.to_pem(None))
    (tmp_path / "submit.pub").write_bytes(OTHER_GATE.public.pem)
    (tmp_path / "stranger.pub").write_bytes(STRANGER.public.pem)
    (tmp_path / "p.toml").write_text(POLICY)
    make_signed(tmp_path / "model")
    return tmp_path


def answer(ran: Ran, name: str = "gate") -> dict[str, Any]:
    return fitting(ran.stdout, name)


def test_many_paths_are_decided_one_by_one_and_the_worst_is_the_exit(
    place: Path, run_cli: RunCli
) -> None:
    make_model(place / "unsigned")
    (place / "empty").mkdir()
    gate = ("--policy", "./p.toml", "-f", "json")
    both = run_cli("gate", "model", "model", *gate)
    assert both.code == 0, both.stderr
    assert [one["verdict"] for one in answer(both)["decisions"]] == ["allow", "allow"]
    worst = run_cli("gate", "model", "unsigned", "empty", *gate)
    assert worst.code == 1
    found = answer(worst)
    assert [one["verdict"] for one in found["decisions"]] == ["allow", "deny", "nothing-to-check"]
    assert [one["exit"] for one in found["decisions"]] == [0, 1, 3]
    assert found["verdict"] == "deny"
    assert run_cli("gate", "model", "empty", *gate).code == 3
    assert run_cli("gate", "model", "missing", *gate).code == 2


def test_one_artifact_that_cannot_be_opened_hides_no_other(place: Path, run_cli: RunCli) -> None:
    import os

    os.mkfifo(place / "pipe")
    ran = run_cli("gate", "pipe", "model", "--policy", "./p.toml", "-f", "json")
    assert ran.code == 1
    assert [one["verdict"] for one in answer(ran)["decisions"]] == ["deny", "allow"]


def test_decisions_about_many_enter_the_ledger_by_a_submitter_of_their_own(
    place: Path, run_cli: RunCli
) -> None:
    admit = ("--admit", "submit.pub", "--admit", "gate.pub:observed")
    assert run_cli("ledger", "init", "l", *admit).code == 0
    make_model(place / "unsigned")
    keep = ("--ledger", "l", "--record", "--signing-key", "gate.key")
    ran = run_cli(
        "gate", "model", "unsigned", "--policy", "./p.toml", *keep, "--submit-key", "submit.key",
        "-f", "json",
    )  # fmt: skip
    assert ran.code == 1
    kept = [one["record"] for one in answer(ran)["decisions"]]
    assert [one["kind"] for one in kept] == ["decision", "decision"]
    alone = run_cli("gate", "model", "--policy", "./p.toml", *keep)
    assert alone.code == 1
    assert "not kept as asked" in alone.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("model", "model", "--vsa", "v"),
        ("model", "--submit-key", "submit.key"),
        ("model", "--svr", "s"),
        ("model", "--decision", "model/d"),
        ("model", "--svr", "model/s", "--signing-key", "gate.key"),
        ("model", "--replay", "d"),
    ],
)
def test_a_call_that_makes_no_sense_is_wrong_before_anything_is_read(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    assert (place / "model").is_dir()
    ran = run_cli("gate", *words, "--policy", "./p.toml")
    assert ran.code == 2, ran.stdout
    assert "error" in ran.stderr


def test_without_a_policy_the_call_is_wrong_and_says_how(place: Path, run_cli: RunCli) -> None:
    assert place.is_dir()
    ran = run_cli("gate", "model")
    assert ran.code == 2
    assert "missing option `--policy`" in ran.stderr


def test_every_form_of_the_decision_is_written(place: Path, run_cli: RunCli) -> None:
    keep = ("--vsa", "v", "--svr", "s", "--decision", "d", "--signing-key", "gate.key")
    ran = run_cli("gate", "model", "--policy", "./p.toml", *keep, "-f", "json")
    assert ran.code == 0, ran.stderr
    found = answer(ran)
    assert (found["vsa"], found["svr"], found["decision"]) == ("v", "s", "d")
    trust = Trust.in_keys([GATE.public])
    verified = trust.verify(Bundle.parse((place / "s").read_bytes()))
    assert (
        "WEIGHTMARK_ALLOWED"
        in SimpleVerificationResult.from_statement(verified.statement).properties
    )
    assert str(place) not in (place / "d").read_text()


def test_a_denial_is_a_failure_in_every_form(place: Path, run_cli: RunCli) -> None:
    make_model(place / "unsigned")
    call = ("gate", "unsigned", "--policy", "./p.toml", "-f")
    sarif = json.loads(run_cli(*call, "sarif").stdout)["runs"][0]
    assert "gate-signature" in {one["ruleId"] for one in sarif["results"]}
    suite = ET.fromstring(run_cli(*call, "junit").stdout)  # noqa: S314 - our own answer
    assert int(suite.get("failures", "0")) >= 1
    assert "unsigned" in run_cli(*call, "markdown").stdout
    assert "::error" in run_cli(*call, "github").stdout
    last = json.loads(run_cli(*call, "jsonl").stdout.splitlines()[-1])
    assert last["verdict"] == "deny"
    clean = json.loads(run_cli("gate", "model", *call[2:], "sarif").stdout)["runs"][0]
    assert clean["results"] == []


def test_an_earlier_decision_answers_and_fresh_looks_again(place: Path, run_cli: RunCli) -> None:
    gate = ("--policy", "./p.toml", "-f", "json")
    assert run_cli("gate", "model", *gate, "--vsa", "v", "--signing-key", "gate.key").code == 0
    bare_copy(place / "model")
    ran = run_cli("gate", "model-bare", *gate, "--claims", "v")
    assert ran.code == 0, ran.stdout
    found = answer(ran)
    assert found["answer"]["signer"] == GATE.public.identity
    assert found["known"] == "read"
    assert run_cli("gate", "model-bare", *gate, "--claims", "v", "--fresh").code == 1
    for environment in ("dev", "prod"):
        other = run_cli("gate", "model-bare", *gate, "--claims", "v", "--env", environment)
        assert answer(other)["answer"] is None


def test_an_identity_is_answered_for_and_says_that_nothing_was_read(
    place: Path, run_cli: RunCli
) -> None:
    gate = ("--policy", "./p.toml", "-f", "json")
    kept = run_cli("gate", "model", *gate, "--vsa", "v", "--signing-key", "gate.key")
    identity = answer(kept)["identity"]
    ran = run_cli("gate", identity, *gate, "--claims", "v")
    assert ran.code == 0, ran.stdout
    assert answer(ran)["known"] == "asked"
    alone = run_cli("gate", identity, *gate)
    assert (alone.code, answer(alone)["verdict"]) == (4, "could-not-be-checked")
    assert place.is_dir()


def test_a_timestamp_is_put_under_the_signed_decision(place: Path, run_cli: RunCli) -> None:
    authority = LoopbackTsa()
    try:
        keep = ("--vsa", "v", "--signing-key", "gate.key", "--tsa-url", authority.url)
        ran = run_cli("gate", "model", "--policy", "./p.toml", *keep)
    finally:
        authority.server.stop()
    assert ran.code == 0, ran.stderr
    assert len(Bundle.parse((place / "v").read_bytes()).timestamps) == 1


def test_a_kept_decision_is_reproduced_and_an_edited_one_is_not(
    place: Path, run_cli: RunCli
) -> None:
    make_model(place / "unsigned")
    keep = ("--decision", "d", "--vsa", "v", "--signing-key", "gate.key")
    assert run_cli("gate", "unsigned", "--policy", "./p.toml", *keep).code == 1
    for words in (("d",), ("v",), ("v", "--key", "gate.pub")):
        ran = run_cli("gate", "--replay", *words, "-f", "json")
        assert ran.code == 0, ran.stderr
        found = answer(ran)["replay"]
        assert (found["recorded"], found["follows"]) == ("deny", "deny")
        assert found["signer"] == (GATE.public.identity if "--key" in words else None)
    assert run_cli("gate", "--replay", "v", "--key", "stranger.pub").code == 1
    assert run_cli("gate", "--replay", "d", "--key", "gate.pub").code == 4
    text = (place / "d").read_text()
    (place / "d").write_text(text.replace('"verdict":"deny"', '"verdict":"allow"'))
    ran = run_cli("gate", "--replay", "d", "-f", "json")
    assert (ran.code, answer(ran)["verdict"]) == (1, "not-reproduced")
    (place / "d").write_text(text.replace('"outcome":"nothing"', '"outcome":"pass"'))
    edited = run_cli("gate", "--replay", "d")
    assert edited.code == 1
    assert "was edited" in edited.stderr
    assert run_cli("gate", "--replay", "missing").code == 2
    (place / "d").write_text("{}")
    assert run_cli("gate", "--replay", "d").code == 1


def test_what_if_lists_the_decisions_that_would_change_and_why(
    place: Path, run_cli: RunCli
) -> None:
    assert run_cli("ledger", "init", "l", "--admit", "gate.pub").code == 0
    record = ("--ledger", "l", "--record", "--signing-key", "gate.key")
    for environment in ((), ("--env", "dev")):
        ran = run_cli("gate", "model", "--policy", "./p.toml", *record, *environment)
        assert ran.code == 0, ran.stdout
    call = ("policy", "what-if", "new.toml", "--ledger", "l", "-f", "json")
    (place / "new.toml").write_text(POLICY)
    same = answer(run_cli(*call), "policy-what-if")
    assert (same["verdict"], len(same["decisions"])) == ("unchanged", 2)
    strict = POLICY.replace(
        "[environments.prod.scan]",
        "[scan]\ndeny_formats = ['safetensors']\n[environments.prod.scan]",
    )
    (place / "new.toml").write_text(strict)
    ran = run_cli(*call)
    changed = answer(ran, "policy-what-if")
    assert (ran.code, changed["verdict"]) == (0, "changes")
    assert [one["would_be"] for one in changed["decisions"]] == ["deny", "deny"]
    assert [one["environment"] for one in changed["decisions"]] == [None, "dev"]
    assert "formats" in changed["decisions"][0]["reasons"][0]
    assert run_cli(*call, "--exit-code").code == 1
    assert run_cli("ledger", "init", "none", "--admit", "gate.pub").code == 0
    assert run_cli(*call[:4], "none").code == 3


def test_exec_runs_in_an_environment_of_the_policy(place: Path, run_cli: RunCli) -> None:
    assert place.is_dir()
    call = ("exec", "model", "--policy", "./p.toml", "--env")
    assert run_cli(*call, "prod", "--", "true").code == 1
    assert run_cli(*call, "nowhere", "--", "true").code == 2


def test_the_python_api_takes_environments_identities_and_claims(
    place: Path, run_cli: RunCli
) -> None:
    import weightmark
    from weightmark.errors import CallError

    keep = ("--vsa", "v", "--signing-key", "gate.key")
    assert run_cli("gate", "model", "--policy", "./p.toml", *keep).code == 0
    first = weightmark.gate("model", "./p.toml")
    assert first.allows
    assert not weightmark.gate("model", policy="./p.toml", env="prod").allows
    assert weightmark.gate("model", "./p.toml", env="dev").policy.environment == "dev"
    identity = first.evidence.identity
    assert weightmark.gate(identity, "./p.toml", claims="v").allows
    assert weightmark.gate(identity, "./p.toml").exit == 4
    with pytest.raises(CallError):
        weightmark.gate("model", first.policy, env="prod")
    statement = Bundle.parse((place / "v").read_bytes()).envelope
    assert Statement.parse(statement.payload_type, statement.payload).subject.identity == identity
