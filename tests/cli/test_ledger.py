"""The ledger commands: init, append, list, show, prove, verify."""

import json
from pathlib import Path

import pytest

from tests.cli.registers import make_register
from tests.cli.running import RunCli
from weightmark.attestations.pages.verify_memory import last_full_verify
from weightmark.provenance.ledger.log import Ledger


@pytest.fixture
def register(tmp_path: Path, run_cli: RunCli) -> Path:
    """A signed model, a ledger that admits its signer, and one release in it."""
    weights = ("w", b"\x80\x04N.")
    return make_register(tmp_path, run_cli, ledger="ledger", key="release", weights=weights)


def test_the_folder_holds_what_the_design_says(register: Path) -> None:
    names = {path.name for path in (register / "ledger").iterdir()}
    assert names >= {"ledger.db", "log.key", "log.vkey", "recovery.key", "tiles", "claims"}
    assert (register / "ledger" / "log.key").stat().st_mode & 0o777 == 0o600
    assert (register / "ledger" / "tiles" / "checkpoint").is_file()


def test_a_receipt_is_checked_offline_and_only_for_its_artifact(
    register: Path, run_cli: RunCli
) -> None:
    check = ("ledger", "verify", "--receipt", "model/model.receipt", "--log-key", "log.vkey")
    (register / "ledger" / "log.vkey").rename(register / "log.vkey")
    (register / "ledger").rename(register / "gone")
    assert run_cli(*check, "model", cwd=register).code == 0
    (register / "model" / "w").write_bytes(b"\x80\x04\x88.")
    assert run_cli(*check, "model", cwd=register).code == 1


def test_a_receipt_needs_somebody_to_trust(register: Path, run_cli: RunCli) -> None:
    assert run_cli("ledger", "verify", "--receipt", "model/model.receipt", cwd=register).code == 2


def test_a_receipt_of_another_log_is_refused(register: Path, run_cli: RunCli) -> None:
    run_cli("ledger", "init", "other", "--admit", "release.pub", cwd=register)
    check = ("ledger", "verify", "--receipt", "model/model.receipt", "--log-key", "other/log.vkey")
    assert run_cli(*check, cwd=register).code == 1


def test_the_model_stays_verifiable_with_its_receipt(register: Path, run_cli: RunCli) -> None:
    assert (register / "model" / "model.receipt").is_file()
    assert run_cli("verify", "model", "--key", "release.pub", cwd=register).code == 0


def test_appending_again_changes_nothing(register: Path, run_cli: RunCli) -> None:
    again = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key", "release.key")
    done = run_cli(*again, "-f", "json", cwd=register)
    value = json.loads(done.stdout)
    assert [entry["index"] for entry in value["entries"]] == [1, 2]
    assert value["size"] == 3


def test_output_takes_the_receipt_elsewhere(register: Path, run_cli: RunCli) -> None:
    again = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key", "release.key")
    assert run_cli(*again, "-o", "r", cwd=register).code == 0
    assert (register / "r").read_bytes().startswith(b"c2sp.org/tlog-proof@v1\n")


def test_a_stranger_may_not_append(register: Path, run_cli: RunCli) -> None:
    run_cli("key", "generate", "-o", "stranger.key", cwd=register)
    args = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key", "stranger.key")
    for more in ((), ("--kind", "observed")):
        done = run_cli(*args, *more, cwd=register)
        assert done.code == 1
        assert "not admitted" in done.stderr


def test_a_claim_by_a_stranger_can_only_be_observed(register: Path, run_cli: RunCli) -> None:
    run_cli("key", "generate", "-o", "stranger.key", cwd=register)
    run_cli("sign", "model", "--key", "stranger.key", "--replace", cwd=register)
    args = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key", "release.key")
    assert run_cli(*args, "--kind", "observed", cwd=register).code == 0
    listed = run_cli("ledger", "list", "--ledger", "ledger", cwd=register).stdout
    assert listed.count(" observed ") == 4
    assert listed.count(" release ") == 1


def test_a_submitter_keeps_to_its_kinds(register: Path, run_cli: RunCli) -> None:
    run_cli("ledger", "init", "narrow", "--admit", "release.pub:scan", cwd=register)
    args = ("ledger", "append", "model/model.claims", "--ledger", "narrow", "--key", "release.key")
    done = run_cli(*args, cwd=register)
    assert done.code == 1
    assert run_cli("ledger", "list", "--ledger", "narrow", cwd=register).stdout.count("\n") == 1


def test_list_and_show_and_prove_agree(register: Path, run_cli: RunCli) -> None:
    listed = json.loads(
        run_cli("ledger", "list", "--ledger", "ledger", "-f", "json", cwd=register).stdout
    )
    shown = json.loads(
        run_cli("ledger", "show", "1", "--ledger", "ledger", "-f", "json", cwd=register).stdout
    )
    proven = run_cli("ledger", "prove", "1", "--ledger", "ledger", cwd=register)
    assert listed["size"] == 3
    assert listed["entries"][1]["claim_id"] == shown["claim_id"]
    assert proven.stdout.encode() == (register / "model" / "model.receipt").read_bytes()


def test_search_by_subject_and_kind(register: Path, run_cli: RunCli) -> None:
    identity = run_cli("digest", "model", cwd=register).stdout.split()[0]
    args = ("ledger", "list", "--ledger", "ledger", "--subject", identity, "--kind", "scan")
    assert run_cli(*args, cwd=register).stdout.count("\n") == 1
    assert (
        run_cli("ledger", "list", "--ledger", "ledger", "--kind", "nonsense", cwd=register).code
        == 2
    )


def test_a_rolled_back_ledger_is_noticed(register: Path, run_cli: RunCli) -> None:
    import shutil

    shutil.copytree(register / "ledger", register / "old")
    (register / "p.json").write_text("{}")
    run_cli(
        "attest",
        "model",
        "--type",
        "urn:x",
        "--predicate",
        "p.json",
        "--key",
        "release.key",
        cwd=register,
    )
    append = (
        "ledger",
        "append",
        "model/model.claims",
        "--ledger",
        "ledger",
        "--key",
        "release.key",
    )
    assert run_cli(*append, cwd=register).code == 0
    shutil.rmtree(register / "ledger")
    (register / "old").rename(register / "ledger")
    done = run_cli("ledger", "list", "--ledger", "ledger", cwd=register)
    assert done.code == 1
    assert "error[ledger-inconsistent]" in done.stderr


def test_the_default_ledger_lies_in_the_data_folder(register: Path, run_cli: RunCli) -> None:
    data = {"XDG_DATA_HOME": str(register / "data")}
    init = ("ledger", "init", "--admit", "release.pub")
    assert run_cli(*init, env=data, cwd=register).code == 0
    assert (register / "data" / "weightmark" / "ledger" / "ledger.db").is_file()
    assert run_cli("ledger", "list", env=data, cwd=register).code == 0
    assert (
        run_cli("ledger", "list", env={"WEIGHTMARK_LEDGER": "ledger"}, cwd=register).stdout.count(
            "\n"
        )
        == 3
    )


def test_a_ledger_is_never_made_over_something(register: Path, run_cli: RunCli) -> None:
    again = run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=register)
    assert again.code == 2
    assert "nobody" not in again.stderr


def test_a_ledger_that_nobody_may_write_to_is_not_made(register: Path, run_cli: RunCli) -> None:
    done = run_cli("ledger", "init", "dead", cwd=register)
    assert done.code == 2
    assert "weightmark ledger init dead --admit" in done.stderr
    assert not (register / "dead").exists()


@pytest.mark.parametrize("wrong", ["release.pub", "none.vkey", "model/model.safetensors"])
def test_a_log_key_that_is_none_is_a_wrong_call(
    register: Path, run_cli: RunCli, wrong: str
) -> None:
    check = ("ledger", "verify", "--receipt", "model/model.receipt", "--log-key", wrong)
    assert run_cli(*check, cwd=register).code == 2
    missing = ("ledger", "verify", "--receipt", "none", "--log-key", "ledger/log.vkey")
    assert run_cli(*missing, cwd=register).code == 2
    assert (
        run_cli("ledger", "list", "--ledger", "ledger", "--log-key", wrong, cwd=register).code == 2
    )


def test_appending_a_folder_names_its_claims(register: Path, run_cli: RunCli) -> None:
    done = run_cli("ledger", "append", "model", "--ledger", "ledger", cwd=register)
    assert done.code == 2
    assert "`model/model.claims`" in done.stderr


def test_a_claim_whose_signer_is_not_admitted_says_so(register: Path, run_cli: RunCli) -> None:
    run_cli("key", "generate", "-o", "other.key", cwd=register)
    (register / "theirs").mkdir()
    (register / "theirs" / "notes.txt").write_text("words")
    assert run_cli("sign", "theirs", "--key", "other.key", cwd=register).code == 0
    append = (
        "ledger",
        "append",
        "theirs/model.claims",
        "--ledger",
        "ledger",
        "--key",
        "release.key",
    )
    refused = run_cli(*append, cwd=register)
    assert refused.code == 1
    assert "signer of the claim is not admitted" in refused.stderr
    assert "--kind observed" in refused.stderr
    assert run_cli(*append, "--kind", "observed", cwd=register).code == 0


def test_list_says_who_signed_and_what_was_left_out(register: Path, run_cli: RunCli) -> None:
    listing = ("ledger", "list", "--ledger", "ledger")
    cut = run_cli(*listing, "--limit", "1", cwd=register)
    assert "2 more" in cut.stderr
    assert "--start 1" in cut.stderr
    whole = run_cli(*listing, cwd=register)
    assert "more" not in whole.stderr
    signer = json.loads(run_cli(*listing, "-f", "json", cwd=register).stdout)["entries"][1][
        "signer"
    ]
    assert f"  {signer[:16]}…  " in whole.stdout.splitlines()[1]


def test_list_for_a_subject_that_is_none_is_a_wrong_call(register: Path, run_cli: RunCli) -> None:
    listing = ("ledger", "list", "--ledger", "ledger", "--subject")
    assert run_cli(*listing, "my-model", cwd=register).code == 2
    nothing = run_cli(*listing, "wm1:" + "0" * 64, cwd=register)
    assert nothing.code == 0
    assert "no entries match" in nothing.stderr


def test_verify_recomputes_the_whole_log(register: Path, run_cli: RunCli) -> None:
    done = run_cli("ledger", "verify", "--ledger", "ledger", cwd=register)
    assert done.code == 0
    assert "unwitnessed" in done.stdout
    assert "unwitnessed" not in done.stderr, "said once"
    blob = next(path for path in (register / "ledger" / "claims").rglob("*") if path.is_file())
    blob.write_bytes(blob.read_bytes() + b" ")
    assert run_cli("ledger", "verify", "--ledger", "ledger", cwd=register).code == 1


def test_the_list_says_what_kind_of_statement_each_claim_is(
    register: Path, run_cli: RunCli
) -> None:
    listing = ("ledger", "list", "--ledger", "ledger")
    types = [
        one["predicate_type"]
        for one in json.loads(run_cli(*listing, "-f", "json", cwd=register).stdout)["entries"]
    ]
    ours = "https://weightmark/predicates"
    assert types == [None, f"{ours}/manifest/v1", f"{ours}/scan/v1"]
    for one in (register / "ledger" / "claims").iterdir():
        one.unlink()
    lines = run_cli(*listing, cwd=register).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["-", "-", "-"]


def test_a_deployment_is_stated_entered_and_named_by_impact(
    register: Path, run_cli: RunCli
) -> None:
    """The whole way: what runs somewhere is found when it, or what it was made from, turns bad."""
    (register / "d.json").write_text('{"target": "cluster eu-1"}')
    attest = ("attest", "model", "--type", "deployment", "--key", "release.key", "--predicate")
    assert run_cli(*attest, "d.json", cwd=register).code == 0
    append = ("ledger", "append", "model/model.claims", "--ledger", "ledger", "--key")
    entered = run_cli(*append, "release.key", "-f", "json", cwd=register)
    assert [one["kind"] for one in json.loads(entered.stdout)["entries"]][-1] == "deploy"
    impact = run_cli("impact", "model", "--ledger", "ledger", "-f", "json", cwd=register)
    (use,) = json.loads(impact.stdout)["uses"]
    assert (use["kind"], use["index"]) == ("deploy", 3)
    (register / "d.json").write_text("{}")
    assert run_cli(*attest, "d.json", cwd=register).code == 2


def test_what_was_verified_and_when_is_noted_for_the_pages(register: Path, run_cli: RunCli) -> None:
    whole = ("ledger", "verify", "--ledger", "ledger")
    assert run_cli(*whole, "--without-claims", cwd=register).code == 0
    with Ledger.open(register / "ledger") as ledger:
        assert last_full_verify(ledger) is None
    assert run_cli(*whole, cwd=register).code == 0
    with Ledger.open(register / "ledger") as ledger:
        noted = last_full_verify(ledger)
    assert noted is not None
    assert (noted.size, noted.problems) == (3, 0)
