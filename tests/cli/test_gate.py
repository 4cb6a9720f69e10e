"""`weightmark gate` and `weightmark policy` as they are called: exit codes, documents, files."""

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    KEY,
    SIGNER,
    make_model,
    make_signed,
)
from tests.cli.published import fitting
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.policy.presets import PRESETS
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.trust import Trust
from weightmark.cli.options.evidence import SEVERITIES
from weightmark.cli.policy import init as policy_command
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.scanners.findings import Severity


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    stdout: str
    stderr: str


RunCli = Callable[..., Ran]


@pytest.fixture
def run_cli(quiet_environment: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Run the command line in this process; as the fixture of this name, with the code as an int."""
    from weightmark.__main__ import main

    def run(*args: str, env: Mapping[str, str] | None = None) -> Ran:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(args)
        return Ran(code, *(_text(stream) for stream in (out, err)))

    return run


def _text(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


@pytest.fixture
def public(tmp_path: Path) -> str:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "release.key").write_bytes(KEY.to_pem(None))
    return str(tmp_path / "release.pub")


@pytest.fixture
def private(public: str) -> str:
    return public.replace(".pub", ".key")


def document(ran: Ran) -> dict[str, Any]:
    found = fitting(ran.stdout, "gate")
    assert found["exit"] == ran.code
    return found


def test_a_signed_model_is_allowed_and_the_document_fits_its_schema(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    model = str(make_signed(tmp_path / "model"))
    ran = run_cli("gate", model, "--policy", "strict", "--key", public, "-f", "json")
    assert ran.code == 0
    found = document(ran)
    assert found["verdict"] == "allow"
    assert found["signers"] == [KEY.public.identity]
    assert found["settings"]["policy"] == "--policy"
    assert found["settings"]["mode"] == "default"
    text = run_cli("gate", model, "--policy", "strict", "--key", public)
    assert text.stdout.splitlines()[-1].startswith("✓ allow: wm1:")


def test_every_refusal_names_reason_and_fix(tmp_path: Path, run_cli: RunCli, public: str) -> None:
    model = str(make_model(tmp_path / "model", **{"extra.bin": EVIL_PICKLE}))
    ran = run_cli("gate", model, "--policy", "baseline", "--key", public, "-f", "json")
    assert ran.code == 1
    found = document(ran)
    assert found["verdict"] == "deny"
    failed = {one["name"]: one for one in found["checks"] if one["outcome"] == "fail"}
    assert set(failed) == {"signature", "scan"}
    assert all(one["why"] and one["fix"] for one in failed.values())
    assert found["findings"][0]["location"] == "extra.bin"


@pytest.mark.parametrize("more", [["--policy", "audit"], ["--policy", "strict", "--mode", "warn"]])
def test_warn_mode_never_exits_with_1_and_says_would_deny(
    tmp_path: Path, run_cli: RunCli, public: str, more: list[str]
) -> None:
    model = str(make_model(tmp_path / "model", **{"extra.bin": EVIL_PICKLE}))
    ran = run_cli("gate", model, "--key", public, *more, "-f", "json")
    assert ran.code == 0
    assert document(ran)["verdict"] == "would-deny"


@pytest.mark.parametrize("more", [["--policy", "audit"], ["--policy", "strict", "--mode", "warn"]])
def test_whoever_only_looks_need_not_say_whom_to_trust(
    tmp_path: Path, run_cli: RunCli, more: list[str]
) -> None:
    model = str(make_signed(tmp_path / "model"))
    ran = run_cli("gate", model, *more, "-f", "json")
    assert ran.code == 0
    found = document(ran)
    assert found["verdict"] == "would-deny"
    (signature,) = (one for one in found["checks"] if one["name"] == "signature")
    assert (signature["outcome"], signature["code"]) == ("unchecked", "trust-not-said")
    assert "--key" in signature["fix"]
    assert run_cli("gate", model, "--policy", "audit", "--mode", "enforce").code == 2


def test_an_empty_folder_exits_with_3_and_a_missing_one_with_2(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name, code in {"empty": 3, "none": 2}.items():
        ran = run_cli("gate", str(tmp_path / name), "--policy", "baseline", "--key", public)
        assert ran.code == code


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--policy", "basline"],
        ["--policy", "./none.toml"],
        ["--policy", "baseline"],
        ["--policy", "baseline", "--key", "KEY", "--record"],
        ["--policy", "baseline", "--key", "KEY", "--record", "--ledger", "ledger"],
        ["--policy", "baseline", "--key", "KEY", "--vsa", "out.json"],
        ["--policy", "baseline", "--key", "KEY", "--fail-on", "severe"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_with_2_and_says_how_to_mend_it(
    tmp_path: Path, run_cli: RunCli, public: str, arguments: list[str]
) -> None:
    model = str(make_signed(tmp_path / "model"))
    words = [public if word == "KEY" else word for word in arguments]
    ran = run_cli("gate", model, *words)
    assert ran.code == 2
    assert ran.stdout == ""
    assert "error" in ran.stderr


@pytest.mark.parametrize("flag", ["--policy", "--key", "--ledger", "--vsa"])
def test_nothing_inside_the_artifact_configures_the_gate(
    tmp_path: Path, run_cli: RunCli, public: str, private: str, flag: str
) -> None:
    model = make_model(tmp_path / "model", **{"release.pub": KEY.public.pem})
    (model / "p.toml").write_text(
        'version = 1\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n'
    )
    inside = {"--policy": "p.toml", "--key": "release.pub", "--ledger": "l", "--vsa": "v.json"}
    given = {"--policy": "baseline", "--key": public, "--signing-key": private}
    given[flag] = str(model / inside[flag])
    if flag == "--policy":
        del given["--key"]
    ran = run_cli("gate", str(model), *(word for pair in given.items() for word in pair))
    assert ran.code == 2
    assert "inside the artifact" in ran.stderr


def test_a_key_beside_a_policy_file_is_a_wrong_call(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    file = str(tmp_path / "policy.toml")
    assert run_cli("policy", "init", "-o", file, "--key", public).code == 0
    model = str(make_signed(tmp_path / "model"))
    assert run_cli("gate", model, "--policy", file).code == 0
    assert run_cli("gate", model, "--policy", file, "--key", public).code == 2


@pytest.mark.parametrize("option", ["--tsa-chain", "--trusted-root", "--staging"])
def test_a_clock_or_an_instance_beside_a_policy_file_is_not_dropped_in_silence(
    tmp_path: Path, run_cli: RunCli, public: str, option: str
) -> None:
    file = str(tmp_path / "policy.toml")
    assert run_cli("policy", "init", "-o", file, "--key", public).code == 0
    model = str(make_signed(tmp_path / "model"))
    named = (option,) if option == "--staging" else (option, public)
    ran = run_cli("gate", model, "--policy", file, *named)
    assert ran.code == 2
    assert "policy file" in ran.stderr


@pytest.mark.parametrize("signed", [True, False])
def test_the_signed_decision_is_written_for_allow_and_for_deny(
    tmp_path: Path, run_cli: RunCli, public: str, private: str, signed: bool
) -> None:
    model = (make_signed if signed else make_model)(tmp_path / "model")
    out = tmp_path / "decision.json"
    flags = ["--policy", "baseline", "--key", public, "--signing-key", private, "--vsa", str(out)]
    ran = run_cli("gate", str(model), *flags, "-f", "json")
    assert ran.code == (0 if signed else 1)
    assert document(ran)["vsa"] == str(out)
    verified = Trust.in_keys([KEY.public]).verify(Bundle.parse(out.read_bytes()))
    assert VerificationSummary.from_statement(verified.statement).passed is signed


def test_no_signed_decision_is_written_for_what_could_not_be_identified(
    tmp_path: Path, run_cli: RunCli, public: str, private: str
) -> None:
    model = make_signed(tmp_path / "model")
    (model / "leak").symlink_to("/etc/hostname")
    out = tmp_path / "decision.json"
    flags = ["--policy", "baseline", "--key", public, "--signing-key", private, "--vsa", str(out)]
    assert run_cli("gate", str(model), *flags).code == 1
    assert not out.exists()


def test_a_decision_that_cannot_be_written_is_no_success(
    tmp_path: Path, run_cli: RunCli, public: str, private: str
) -> None:
    out = tmp_path / "none/decision.json"
    flags = ["--policy", "baseline", "--key", public, "--signing-key", private, "--vsa", str(out)]
    ran = run_cli("gate", str(make_signed(tmp_path / "model")), *flags, "-f", "json")
    assert ran.code == 4
    found = document(ran)
    assert found["verdict"] == "allow"
    assert found["checks"][-1]["outcome"] == "unchecked"


def ledger(tmp_path: Path, *, admitted: bool = True) -> Path:
    submitters = [Submitter.from_pem(SIGNER.public.pem)] if admitted else []
    Ledger.create(tmp_path / "ledger", submitters=submitters).close()
    return tmp_path / "ledger"


def test_a_decision_is_recorded(tmp_path: Path, run_cli: RunCli, public: str, private: str) -> None:
    place = ledger(tmp_path)
    model = str(make_signed(tmp_path / "model"))
    flags = ["--policy", "baseline", "--key", public, "--ledger", str(place)]
    ran = run_cli("gate", model, *flags, "--record", "--signing-key", private, "-f", "json")
    assert ran.code == 0, ran.stderr
    found = document(ran)
    with Ledger.open(place) as opened:
        event = opened.entry(found["record"]["index"]).event
    assert (event.kind, event.subject) == (Kind.DECISION, found["identity"])


def test_a_decision_that_the_ledger_refuses_is_no_success(
    tmp_path: Path, run_cli: RunCli, public: str, private: str
) -> None:
    place = ledger(tmp_path, admitted=False)
    model = str(make_signed(tmp_path / "model"))
    flags = ["--policy", "baseline", "--key", public, "--ledger", str(place)]
    ran = run_cli("gate", model, *flags, "--record", "--signing-key", private, "-f", "json")
    assert ran.code == 1
    found = document(ran)
    assert found["record"] is None
    assert found["checks"][-1]["name"] == "record"


def test_a_name_with_escape_sequences_reaches_no_terminal(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    model = make_model(tmp_path / "model", **{"a\x1b[31mb.bin": EVIL_PICKLE})
    ran = run_cli("gate", str(model), "--policy", "baseline", "--key", public)
    assert ran.code == 1
    assert "\x1b" not in ran.stdout + ran.stderr


def test_the_gate_says_which_settings_came_from_elsewhere_than_the_command_line(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    model = str(make_signed(tmp_path / "model"))
    named = tmp_path / "named.toml"
    named.write_text("[gate]\nfail-on = 'high'\n")
    env = {"WEIGHTMARK_GATE_POLICY": "baseline"}
    ran = run_cli("gate", model, "--key", public, "--config", str(named), env=env)
    assert ran.code == 0
    assert "policy: from WEIGHTMARK_GATE_POLICY\n" in ran.stderr
    assert f"fail-on: from [gate] in `{named}`\n" in ran.stderr
    assert "--key" not in ran.stderr, "what stands on the command line needs no telling"
    assert "from" not in run_cli("gate", model, "--key", public, "-q", env=env).stderr


def test_policy_init_writes_what_check_accepts_and_never_overwrites(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    file = tmp_path / "policy.toml"
    for name in ("strict", "baseline"):
        ran = run_cli("policy", "init", "-o", str(file), "--preset", name, "--key", public)
        assert ran.code == (0 if name == "strict" else 2)
    assert 'digests = "sha256"' in file.read_text()
    assert run_cli("policy", "check", str(file)).code == 0
    explained = run_cli("policy", "explain", str(file))
    assert explained.code == 0
    assert KEY.public.identity in explained.stdout


@pytest.mark.parametrize("words", [("-o", "gate.toml"), ("--output=gate.toml",)])
def test_policy_init_writes_where_it_is_told(
    tmp_path: Path,
    run_cli: RunCli,
    public: str,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run_cli("policy", "init", *words, "--key", public)
    assert (ran.code, Path("gate.toml").exists()) == (0, True)
    assert run_cli("policy", "check", "gate.toml").code == 0


@pytest.mark.parametrize("words", [("missing-model", "-o", "b.toml"), ("-o", "new/gate.toml")])
def test_policy_init_refuses_a_missing_model_and_a_missing_place(
    tmp_path: Path,
    run_cli: RunCli,
    public: str,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run_cli("policy", "init", *words, "--key", public)
    assert (ran.code, list(tmp_path.rglob("*.toml"))) == (2, [])


def test_a_policy_that_is_no_toml_is_named(
    tmp_path: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text("version = 1\nmode =\n")
    ran = run_cli("policy", "check", "gate.toml")
    assert ran.code == 2
    assert ran.stderr.startswith("error[policy]: the policy `gate.toml` is not TOML\n  why: ")
    assert "line 2" in ran.stderr
    assert "\nhint: " in ran.stderr


def test_gate_names_the_variables_that_shaped_its_decision(
    tmp_path: Path, run_cli: RunCli, public: str
) -> None:
    model = str(make_signed(tmp_path / "model"))
    env = {"WEIGHTMARK_MODE": "warn", "WEIGHTMARK_GATE_POLICY": "baseline"}
    ran = run_cli("gate", model, "--key", public, env=env)
    assert "mode comes from the environment variable WEIGHTMARK_MODE\n" in ran.stdout
    assert "policy comes from the environment variable WEIGHTMARK_GATE_POLICY\n" in ran.stdout
    assert "key comes from" not in ran.stdout


def test_policy_init_needs_a_key(tmp_path: Path, run_cli: RunCli) -> None:
    ran = run_cli("policy", "init", "-o", str(tmp_path / "policy.toml"))
    assert ran.code == 2
    assert "--key" in ran.stderr
    assert not (tmp_path / "policy.toml").exists()


def test_policy_check_finds_a_misspelt_key(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "policy.toml").write_text("version = 1\n[scan]\nfail_onn = 'low'\n")
    ran = run_cli("policy", "check", str(tmp_path / "policy.toml"))
    assert ran.code == 2
    assert "did you mean `scan.fail_on`?" in ran.stderr


def test_policy_explain_knows_the_presets(run_cli: RunCli) -> None:
    ran = run_cli("policy", "explain", "strict", "-f", "json")
    assert ran.code == 0
    assert {one["check"] for one in json.loads(ran.stdout)["demands"]} >= {"signature", "scan"}


def test_the_command_line_offers_every_preset_and_severity() -> None:
    assert set(policy_command._PRESETS) == set(PRESETS)
    assert tuple(severity.word for severity in Severity) == SEVERITIES
