"""`weightmark report` on the command line: forms, files, exit codes, and what is refused."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import weightmark
from tests.cli.published import fitting
from tests.cli.registers import make_register
from tests.cli.running import Ran, RunCli

LEDGER = ("--ledger", "L")
ITEMS = ("annex-iv", "ssdf", "g7-sbom-ai", "nist-rmf")


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    """`model`, signed by `k.key`, with its claims entered in the ledger `L`, and `plain`, unsigned."""
    make_register(tmp_path, run_cli)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "w").write_bytes(b"words")
    assert run_cli("key", "generate", "-o", "other.key", cwd=tmp_path).code == 0
    return tmp_path


def report(place: Path, run_cli: RunCli, *args: str) -> Ran:
    return run_cli("report", *args, cwd=place)


def facts(place: Path, run_cli: RunCli, *args: str) -> dict[str, Any]:
    return fitting(report(place, run_cli, *args, "--as", "json").stdout, "report")


def identity(place: Path) -> str:
    return weightmark.digest(place / "model").identity


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["status"] for one in found["items"]}


@pytest.mark.parametrize("name", ITEMS)
def test_every_framework_is_filled_by_a_signed_model(
    place: Path, run_cli: RunCli, name: str
) -> None:
    found = facts(place, run_cli, "model", "--format", name, "--key", "k.pub")
    assert found["exit"] == 0
    assert found["counts"]["filled"] + found["counts"]["partly"] > 1
    assert {one["signer"] for item in found["items"] for one in item["evidence"] if one["claim"]}


def test_a_signature_by_somebody_else_fills_nothing_and_ends_with_one(
    place: Path, run_cli: RunCli
) -> None:
    done = report(place, run_cli, "model", "--format", "ssdf", "--key", "other.pub", "--as", "json")
    found = fitting(done.stdout, "report")
    assert done.code == 1
    assert not any(one["claim"] for item in found["items"] for one in item["evidence"])
    assert found["uncounted"]
    assert any("signed by" in one["why"] or "sign" in one["why"] for one in found["uncounted"])


def test_an_artifact_that_was_changed_is_reported_as_that_and_ends_with_one(
    place: Path, run_cli: RunCli
) -> None:
    (place / "model" / "weights").write_bytes(b"other")
    done = report(place, run_cli, "model", "--format", "annex-iv", "--key", "k.pub")
    assert done.code == 1
    assert "Verification:" in done.stdout
    found = facts(place, run_cli, "model", "--format", "annex-iv", "--key", "k.pub")
    assert statuses(found)["2(h)"] == "against"
    assert found["identity"] == identity(place)
    assert not any(one["claim"] for item in found["items"] for one in item["evidence"])


def test_an_unsigned_artifact_gets_a_report_that_says_so(place: Path, run_cli: RunCli) -> None:
    done = report(place, run_cli, "plain", "--format", "annex-iv")
    assert done.code == 0
    assert "Nobody whose word counts signed its files" in done.stdout
    assert "nobody: nothing that is claimed counts" in done.stdout


def test_a_signed_artifact_without_anybody_to_trust_is_a_wrong_call(
    place: Path, run_cli: RunCli
) -> None:
    done = report(place, run_cli, "model", "--format", "annex-iv")
    assert (done.code, done.stdout) == (2, "")
    assert "--key" in done.stderr


def test_claims_that_stand_beside_it_only_are_listed_with_the_ledgers_word(
    place: Path, run_cli: RunCli
) -> None:
    approve = ("attest", "model", "--type", "approval", "--reason", "fine", "--key", "k.key")
    assert run_cli(*approve, cwd=place).code == 0
    found = facts(place, run_cli, "model", "--format", "nist-rmf", *LEDGER)
    assert statuses(found)["MANAGE 1.1"] == "missing"
    assert [one["kind"] for one in found["uncounted"]] == ["approval"]
    trusted = facts(place, run_cli, "model", "--format", "nist-rmf", *LEDGER, "--key", "k.pub")
    assert statuses(trusted)["MANAGE 1.1"] == "partly"


def test_a_model_signature_alone_is_evidence_of_the_files(place: Path, run_cli: RunCli) -> None:
    """What other tools sign holds no identity: the content that was read is compared with its list."""
    (place / "model" / "model.claims").unlink()
    found = facts(place, run_cli, "model", "--format", "ssdf", "--key", "k.pub")
    (one,) = next(item for item in found["items"] if item["id"] == "PS.1.3")["evidence"]
    assert one["signer"].startswith("key:")
    assert one["right"] == "verified here"


def test_a_policy_that_has_ended_counts_nobody(place: Path, run_cli: RunCli) -> None:
    assert run_cli("policy", "init", "-o", "p.toml", "--key", "k.pub", cwd=place).code == 0
    text = (place / "p.toml").read_text()
    (place / "ended.toml").write_text("revision = 1\nexpires = 2020-01-01\n" + text)
    call = ("model", "--format", "ssdf", "--policy")
    assert report(place, run_cli, *call, "./p.toml").code == 0
    done = report(place, run_cli, *call, "./ended.toml")
    assert (done.code, done.stdout) == (4, "")


# --- forms and files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "begins"),
    [("r.md", "# "), ("r.html", "<!doctype html>"), ("r.json", "{"), ("r", "# ")],
)
def test_the_suffix_of_the_output_says_the_form(
    place: Path, run_cli: RunCli, file: str, begins: str
) -> None:
    done = report(place, run_cli, "plain", "--format", "ssdf", "-o", file)
    assert (done.code, done.stdout) == (0, "")
    assert (place / file).read_text().startswith(begins)


def test_a_form_that_contradicts_the_suffix_is_a_wrong_call(place: Path, run_cli: RunCli) -> None:
    done = report(place, run_cli, "plain", "--format", "ssdf", "-o", "r.html", "--as", "json")
    assert (done.code, "ends as html, and `--as` says json" in done.stderr) == (2, True)


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_a_whole_ledger_gives_a_file_an_artifact_and_an_index(
    place: Path, run_cli: RunCli, form: str
) -> None:
    done = report(place, run_cli, "--format", "annex-iv", *LEDGER, "--out", "out", "--as", form)
    assert done.code == 0
    assert done.stdout == ""
    suffix = {"markdown": ".md"}.get(form, f".{form}")
    own = identity(place).replace(":", "-")
    assert sorted(one.name for one in (place / "out").iterdir()) == [
        f"index{suffix}",
        f"{own}{suffix}",
    ]
    assert f"{own}" in (place / "out" / f"index{suffix}").read_text()
    if form == "json":
        for one in (place / "out").iterdir():
            fitting(one.read_text(), "report")


def test_the_same_ledger_gives_the_same_files_twice(place: Path, run_cli: RunCli) -> None:
    for out in ("one", "two"):
        assert report(place, run_cli, "--format", "ssdf", *LEDGER, "--out", out).code == 0
    first, second = (
        {one.name: one.read_bytes() for one in (place / out).iterdir()} for out in ("one", "two")
    )
    assert first == second


def test_reports_of_another_time_are_not_mixed_with_new_ones(place: Path, run_cli: RunCli) -> None:
    call = ("--format", "ssdf", *LEDGER, "--out", "out")
    assert report(place, run_cli, *call).code == 0
    done = report(place, run_cli, *call)
    assert (done.code, "not empty" in done.stderr) == (2, True)


def test_several_artifacts_go_to_a_folder_and_the_worst_counts(
    place: Path, run_cli: RunCli
) -> None:
    call = ("model", "plain", "--format", "annex-iv", "--key", "other.pub")
    assert report(place, run_cli, *call).code == 2
    assert report(place, run_cli, *call, "--out", "out").code == 1
    assert len(list((place / "out").iterdir())) == 3


# --- whole ledgers and incidents ------------------------------------------------------------------


def test_zero_trust_of_a_ledger(place: Path, run_cli: RunCli) -> None:
    found = facts(place, run_cli, "--format", "zero-trust", *LEDGER)
    figures = {one["id"]: one["value"] for one in found["figures"]}
    assert figures["signed"] == "1 of 1 (100.0 %)"
    assert figures["deployed-after-gate"] == "no data"


def test_zero_trust_of_an_empty_ledger_is_nothing(place: Path, run_cli: RunCli) -> None:
    assert run_cli("ledger", "init", "E", "--admit", "k.pub", cwd=place).code == 0
    done = report(place, run_cli, "--format", "zero-trust", "--ledger", "E")
    assert done.code == 3
    assert "no data" in done.stdout
    assert "%" not in done.stdout
    done = report(place, run_cli, "--format", "annex-iv", "--ledger", "E", "--out", "out")
    assert done.code == 3


def test_an_incident_by_digest_and_by_path_is_the_same(place: Path, run_cli: RunCli) -> None:
    own = identity(place)
    revoke = ("revoke", own, "--reason", "poisoned", *LEDGER, "--key", "k.key")
    assert run_cli(*revoke, cwd=place).code == 0
    one = report(place, run_cli, own, "--format", "incident", *LEDGER)
    other = report(place, run_cli, "model", "--format", "incident", *LEDGER)
    assert (one.code, one.stdout) == (other.code, other.stdout)
    assert "poisoned" in one.stdout


def test_an_incident_of_what_the_ledger_does_not_know_is_nothing(
    place: Path, run_cli: RunCli
) -> None:
    done = report(place, run_cli, f"wm1:{'ab' * 32}", "--format", "incident", *LEDGER)
    assert done.code == 3


def test_claims_that_are_gone_leave_the_report_unchecked(place: Path, run_cli: RunCli) -> None:
    own = identity(place)
    shown = run_cli("ledger", "list", *LEDGER, "--kind", "scan", "-f", "json", cwd=place)
    (entry,) = json.loads(shown.stdout)["entries"]
    (place / "L" / "claims" / entry["claim_sha256"].removeprefix("sha256:")).unlink()
    done = report(place, run_cli, own, "--format", "ssdf", *LEDGER, "--as", "json")
    assert done.code == 4
    assert any(one["unread"] for one in fitting(done.stdout, "report")["uncounted"])
    assert report(place, run_cli, "--format", "zero-trust", *LEDGER).code == 4


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("model",),
        ("model", "--format", "iso-42001"),
        ("plain", "--format", "ssdf", "-o", "x.pdf"),
        ("--format", "annex-iv", *LEDGER),
        ("model", "--format", "zero-trust", *LEDGER),
        ("--format", "incident", *LEDGER),
        ("model", "plain", "--format", "incident", *LEDGER),
        ("model", "--format", "annex-iv", "--key", "k.pub", "-o", "x", "--out", "y"),
        ("model", "--format", "annex-iv", "--key", "k.pub", "-o", "model/report.md"),
        ("model", "--format", "annex-iv", "--key", "k.pub", "--out", "model/reports"),
        ("model", "--format", "annex-iv", "--policy", "strict"),
        ("model", "--format", "annex-iv", "--key", "k.pub", "--at", "yesterday"),
        ("missing", "--format", "annex-iv", "--key", "k.pub"),
        ("model", "--format", "annex-iv", "--ledger", "missing"),
    ],
)
def test_calls_that_mean_nothing_write_nothing(
    place: Path, run_cli: RunCli, args: tuple[str, ...]
) -> None:
    before = sorted(place.rglob("*"))
    done = report(place, run_cli, *args)
    assert (done.code, done.stdout) == (2, "")
    assert sorted(place.rglob("*")) == before


def test_a_form_in_place_of_a_framework_is_sent_to_the_right_option(
    place: Path, run_cli: RunCli
) -> None:
    done = report(place, run_cli, "plain", "--format", "json")
    assert (done.code, "--as json" in done.stderr) == (2, True)


def test_the_form_of_a_file_of_another_suffix_is_said_by_the_call(
    place: Path, run_cli: RunCli
) -> None:
    done = report(place, run_cli, "plain", "--format", "ssdf", "-o", "x.txt", "--as", "markdown")
    assert (done.code, (place / "x.txt").read_text()[:2]) == (0, "# ")


def test_a_ledger_inside_the_artifact_judges_nothing(place: Path, run_cli: RunCli) -> None:
    (place / "L").rename(place / "model" / "L")
    done = report(place, run_cli, "model", "--format", "annex-iv", "--ledger", "model/L")
    assert (done.code, "inside the artifact" in done.stderr) == (2, True)


def test_what_nobody_witnessed_is_said(place: Path, run_cli: RunCli) -> None:
    done = report(place, run_cli, "model", "--format", "annex-iv", *LEDGER)
    assert "unwitnessed: the operator could rewrite" in done.stdout


def test_a_setting_for_the_form_of_answers_does_not_reach_the_framework(
    place: Path, run_cli: RunCli
) -> None:
    """`WEIGHTMARK_FORMAT` says how all commands answer, and here `--format` means something else."""
    args = ("report", "plain", "--format", "ssdf")
    done = run_cli(*args, cwd=place, env={"WEIGHTMARK_FORMAT": "json"})
    assert (done.code, done.stdout[:2]) == (0, "# ")


def test_a_report_needs_no_network(place: Path, run_cli: RunCli) -> None:
    assert report(place, run_cli, "model", "--format", "annex-iv", *LEDGER, "--offline").code == 0


# --- other ledgers --------------------------------------------------------------------------------


def test_a_ledger_that_no_quorum_saw_leaves_the_report_unchecked(
    place: Path, run_cli: RunCli
) -> None:
    made = run_cli("ledger", "witness", "init", "w", "--name", "w.example/one", cwd=place)
    policy = f"witness one {made.stdout.strip()} http://127.0.0.1:1\nquorum one\n"
    (place / "witnesses").write_text(policy)
    call = ("--format", "annex-iv", *LEDGER, "--witness-policy", "witnesses")
    done = report(place, run_cli, "model", *call)
    assert (done.code, "Not looked at to the end" in done.stdout) == (4, True)
    cosign = ("L", "--log-key", "L/log.vkey", "-o", "L/tiles/checkpoint")
    assert run_cli("ledger", "witness", "cosign", "w", *cosign, cwd=place).code == 0
    done = report(place, run_cli, "model", *call)
    assert (done.code, "w.example/one" in done.stdout) == (0, True), done.stderr


def test_a_published_view_with_claims_fills_what_the_ledger_fills(
    place: Path, run_cli: RunCli
) -> None:
    view = ("--ledger", "view", "--log-key", "L/log.vkey")
    call = ("model", "--format", "nist-rmf")
    assert run_cli("ledger", "publish", "view", *LEDGER, cwd=place).code == 0
    assert report(place, run_cli, *call, *view).code == 4, "its claims were not published"
    assert (
        run_cli("ledger", "publish", "view", "--claims", "--rebuild", *LEDGER, cwd=place).code == 0
    )
    found = facts(place, run_cli, *call, *view)
    assert found["exit"] == 0
    assert statuses(found) == statuses(facts(place, run_cli, *call, *LEDGER))


def test_an_old_copy_of_a_ledger_that_moved_is_said_to_be_one(place: Path, run_cli: RunCli) -> None:
    assert run_cli("ledger", "migrate", "L", "M", cwd=place).code == 0
    done = report(place, run_cli, "model", "--format", "ssdf", *LEDGER)
    assert (done.code, "not the live one" in done.stdout) == (4, True), done.stderr
    assert report(place, run_cli, "model", "--format", "ssdf", "--ledger", "M").code == 0


def test_a_ledger_whose_entries_were_edited_gives_no_report(place: Path, run_cli: RunCli) -> None:
    with closing(sqlite3.connect(place / "L" / "ledger.db")) as database:
        triggers = database.execute(
            "select name from sqlite_schema where type = 'trigger'"
        ).fetchall()
        for (name,) in triggers:
            database.execute(f'drop trigger "{name}"')
        database.execute(
            "update entry set body = cast(replace(cast(body as text), 'scan', 'test') as blob) where idx > 0"
        )
        database.commit()
    done = report(place, run_cli, "--format", "zero-trust", *LEDGER)
    assert (done.code, done.stdout) == (1, "")


def test_a_claim_that_was_edited_is_no_evidence(place: Path, run_cli: RunCli) -> None:
    """Its bytes are not those that the entry names: whatever it says now, nobody signed into the log."""
    shown = run_cli("ledger", "list", *LEDGER, "--kind", "release", "-f", "json", cwd=place)
    for entry in json.loads(shown.stdout)["entries"]:
        blob = place / "L" / "claims" / entry["claim_sha256"].removeprefix("sha256:")
        blob.write_bytes(blob.read_bytes() + b" ")
    done = report(place, run_cli, identity(place), "--format", "ssdf", *LEDGER, "--as", "json")
    found = fitting(done.stdout, "report")
    assert done.code == 4
    assert statuses(found)["PS.2.1"] == "missing"
    assert "was changed" in "".join(one["why"] for one in found["uncounted"])


# --- clocks ---------------------------------------------------------------------------------------


def _limited(place: Path, **more: str) -> str:
    """Write a trust file in which the key of the model counts for a while, and return its name."""
    told = "".join(f"{name} = {value}\n" for name, value in more.items())
    (place / "t.toml").write_text(f'version = 1\n[keys.release]\nfile = "k.pub"\n{told}')
    return "./t.toml"


def _ssdf(place: Path, run_cli: RunCli, trust: str, *more: str) -> dict[str, Any]:
    return facts(place, run_cli, "model", "--format", "ssdf", "--trust", trust, *more)


def test_the_moment_of_the_call_is_the_only_clock_of_a_report(place: Path, run_cli: RunCli) -> None:
    """A key that has ended since is judged for `--at` everywhere: in the items, and for the content."""
    found = _ssdf(place, run_cli, _limited(place, not_after="2020-01-01"), "--at", "2019-06-01")
    assert found["exit"] == 0
    assert statuses(found)["PS.2.1"] == "filled"
    assert not found["counts"]["against"]


def test_a_signature_that_could_not_be_judged_speaks_neither_for_nor_against_it(
    place: Path, run_cli: RunCli
) -> None:
    found = _ssdf(place, run_cli, _limited(place, not_after="2020-01-01"))
    assert found["exit"] == 4
    assert not found["counts"]["against"]
    assert statuses(found)["PS.2.1"] == "partly"
    assert any("past its time" in one for one in found["problems"])


def test_a_report_says_when_the_present_was_asked(place: Path, run_cli: RunCli) -> None:
    found = _ssdf(place, run_cli, _limited(place, not_after="2999-01-01"))
    assert (found["at"], found["exit"]) == (None, 0)
    assert "judged by the present" in found["at_from"]
    found = _ssdf(place, run_cli, _limited(place))
    assert (found["at"], found["at_from"]) == (None, "no clock says one")


def test_a_report_of_the_past_does_not_forget_that_a_key_was_revoked(
    place: Path, run_cli: RunCli
) -> None:
    """Nobody makes an undated signature count again by an early moment."""
    trust = _limited(place, revoked="2024-01-01", reason='"leaked"')
    found = _ssdf(place, run_cli, trust, "--at", "2023-01-01")
    assert found["exit"] == 1
    assert not any(one["claim"] for item in found["items"] for one in item["evidence"])
