"""The register from the command line: who may write, what is revoked, what is found, watched, exported and erased."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.running import Ran, RunCli
from tests.sim.loopback import LoopbackSigstore

WEIGHTS = b"\x80\x04}\x8c\x01a\x88s."


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """Keys, a signed model, and a ledger that holds its claims."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.pkl").write_bytes(WEIGHTS)
    for args in (
        ("key", "generate", "-o", "release.key"),
        ("key", "generate", "-o", "watcher.key"),
        ("key", "generate", "-o", "third.key"),
        ("sign", "model", "--key", "release.key"),
        ("ledger", "init", "l", "--admit", "release.pub:release", "--admit", "release.pub:scan",
         "--admit", "watcher.pub", "--origin", "example.com/models"),
        ("ledger", "append", "model/model.claims", "--ledger", "l", "--key", "release.key"),
    ):  # fmt: skip
        done = run_cli(*args, cwd=tmp_path)
        assert done.code == 0, done.stderr
    return tmp_path


def identity_of(run_cli: RunCli, house: Path) -> str:
    answer = json.loads(run_cli("digest", "model", "-f", "json", cwd=house).stdout)
    (artifact,) = answer["artifacts"]
    return str(artifact["identity"])


def call(run_cli: RunCli, house: Path, *args: str, code: int = 0) -> Ran:
    done = run_cli(*args, cwd=house)
    assert done.code == code, done.stdout + done.stderr
    return done


def revoke(
    run_cli: RunCli, house: Path, word: str, *more: str, key: str = "watcher", code: int = 0
) -> Ran:
    given = more if "--reason" in more else ("--reason", "poisoned", *more)
    args = ("revoke", word, "--ledger", "l", "--key", f"{key}.key", *given)
    return call(run_cli, house, *args, code=code)


def test_verify_and_gate_say_at_which_entry_an_artifact_was_revoked(
    run_cli: RunCli, house: Path
) -> None:
    checks = [
        ("verify", "model", "--key", "release.pub", "--ledger", "l"),
        ("gate", "model", "--key", "release.pub", "--ledger", "l", "--policy", "baseline"),
    ]
    for args in checks:
        call(run_cli, house, *args)
    revoke(run_cli, house, identity_of(run_cli, house))
    for args in checks:
        done = call(run_cli, house, *args, code=1)
        assert "revoked at #" in done.stdout
        assert "poisoned" in done.stdout
    call(run_cli, house, "verify", "model", "--key", "release.pub")


def test_verify_and_gate_say_so_of_a_revoked_key(run_cli: RunCli, house: Path) -> None:
    revoke(run_cli, house, "release.pub")
    for args in (
        ("verify", "model", "--key", "release.pub", "--ledger", "l"),
        ("gate", "model", "--key", "release.pub", "--ledger", "l", "--policy", "baseline"),
    ):
        assert "revoked at #" in call(run_cli, house, *args, code=1).stdout


def test_a_revocation_is_lifted_by_two(run_cli: RunCli, house: Path) -> None:
    call(
        run_cli, house,
        *("ledger", "admit", "third.pub", "--ledger", "l", "--owner-key", "l/recovery.key"),
    )  # fmt: skip
    identity = identity_of(run_cli, house)
    revoke(run_cli, house, identity)
    done = revoke(run_cli, house, identity, "--reinstate", "--reason", "was fine")
    assert "is revoked at #" in done.stdout
    done = revoke(run_cli, house, identity, "--reinstate", "--reason", "checked", key="third")
    assert "nothing revokes" in done.stdout
    call(run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "l")
    revoke(run_cli, house, identity, "--reinstate", "--reason", "again", code=2)


def test_a_revocation_whose_claim_is_missing_is_exit_4(run_cli: RunCli, house: Path) -> None:
    answer = revoke(run_cli, house, "wm1:" + "a" * 64, "-f", "json")
    (entry,) = json.loads(answer.stdout)["entries"]
    (house / "l" / "claims" / entry["claim_sha256"].removeprefix("sha256:")).unlink()
    for args in (
        ("verify", "model", "--key", "release.pub", "--ledger", "l"),
        ("gate", "model", "--key", "release.pub", "--ledger", "l", "--policy", "baseline"),
    ):
        call(run_cli, house, *args, code=4)


def test_a_ledger_inside_the_artifact_does_not_judge_it(run_cli: RunCli, house: Path) -> None:
    (house / "l").rename(house / "model" / "l")
    call(run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "model/l", code=2)


def test_without_the_role_nothing_is_revoked_and_the_reason_is_said(
    run_cli: RunCli, house: Path
) -> None:
    done = revoke(run_cli, house, identity_of(run_cli, house), key="release", code=1)
    assert "may not write entries of kind `revoke`" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("wm1:" + "a" * 64, "--since", "2026-01-01", "--reason", "x"),
        ("release.pub", "--since", "yesterday", "--reason", "x"),
        ("release.pub", "--since", "2026-01-01", "--reinstate", "--reason", "x"),
        ("absent", "--reason", "x"),
        ("salted:" + "a" * 64, "--reason", "x"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_wrong_call(
    run_cli: RunCli, house: Path, args: tuple[str, ...]
) -> None:
    call(run_cli, house, "revoke", *args, "--ledger", "l", "--key", "watcher.key", code=2)


# --- who may write --------------------------------------------------------------------------------


def test_owners_sign_one_after_the_other(run_cli: RunCli, house: Path) -> None:
    call(
        run_cli, house,
        *("ledger", "init", "owned", "--admit", "release.pub", "--owners", "3", "--threshold", "2"),
    )  # fmt: skip
    keys = sorted(path.name for path in (house / "owned").glob("owner-*.key"))
    assert keys == ["owner-1.key", "owner-2.key", "owner-3.key"]
    assert {path.stat().st_mode & 0o777 for path in (house / "owned").glob("owner-*.key")} == {
        0o600
    }
    start = ("ledger", "admit", "--ledger", "owned", "--proposal", "change")
    done = call(run_cli, house, *start, "third.pub", "--owner-key", "owned/owner-1.key")
    assert "waits for 1 more" in done.stdout
    done = call(run_cli, house, *start, "--owner-key", "owned/owner-1.key")
    assert "waits for 1 more" in done.stdout, "the same owner twice is one"
    done = call(run_cli, house, *start, "--owner-key", "owned/owner-3.key")
    assert "the new policy rules" in done.stdout
    shown = json.loads(
        call(run_cli, house, "ledger", "show", "1", "--ledger", "owned", "-f", "json").stdout
    )
    assert len(shown["admitted"]) == 2
    call(run_cli, house, "ledger", "verify", "--ledger", "owned")


def test_an_agreement_out_of_reach_is_a_wrong_call(run_cli: RunCli, house: Path) -> None:
    for more in (("--threshold", "1"), ("--owners", "2", "--threshold", "3")):
        call(run_cli, house, "ledger", "init", "new", "--admit", "release.pub", *more, code=2)
    assert not (house / "new").exists()


def test_a_person_is_admitted_by_name_and_issuer(run_cli: RunCli, house: Path) -> None:
    name = "release@example.com@https://accounts.google.com"
    call(
        run_cli, house, "ledger", "init", "p", "--admit", f"{name}:release", "--admit", "third.pub"
    )
    shown = json.loads(
        call(run_cli, house, "ledger", "show", "0", "--ledger", "p", "-f", "json").stdout
    )
    (person,) = (one for one in shown["admitted"] if one["identity"])
    assert (person["identity"], person["kinds"]) == (name, ["release"])
    assert person["party"].startswith("salted:")
    args = ("ledger", "admit", "--ledger", "p", "--owner-key", "p/recovery.key")
    call(run_cli, house, *args, "--remove", name)
    call(run_cli, house, *args, "--remove", name, code=2)


# --- finding --------------------------------------------------------------------------------------


def test_entries_are_found_by_everything(run_cli: RunCli, house: Path) -> None:
    def found(*args: str) -> list[str]:
        done = call(run_cli, house, "ledger", "search", *args, "--ledger", "l", "-f", "json")
        return [entry["kind"] for entry in json.loads(done.stdout)["entries"]]

    assert found("--artifact", "model") == found("--subject", identity_of(run_cli, house))
    assert set(found("--signer", "release.pub")) == {"release", "scan"}
    assert found("--signer", "watcher.pub") == []
    assert found("--kind", "policy") == ["policy"]
    assert found("--verdict", "clean") == ["scan"]
    assert "release" in found("weights.pkl")
    assert found("no-such-word") == []
    assert found("--until", "2020-01-01") == []
    assert found("--complete", "--kind", "scan") == ["scan"]
    assert found("--limit", "1") == ["policy"]


def test_impact_is_drawn(run_cli: RunCli, house: Path) -> None:
    identity = identity_of(run_cli, house)
    done = call(run_cli, house, "impact", identity, "--ledger", "l", "--draw", "mermaid")
    assert done.stdout.startswith("flowchart")
    done = call(run_cli, house, "impact", identity, "--ledger", "l", "--draw", "dot")
    assert done.stdout.startswith("digraph")
    named = call(run_cli, house, "impact", "model", "--ledger", "l", "--draw", "dot")
    assert named.stdout == done.stdout, "an artifact names itself"
    call(run_cli, house, "impact", "absent", "--ledger", "l", code=2)


def test_an_artifact_is_revoked_by_its_folder(run_cli: RunCli, house: Path) -> None:
    done = revoke(run_cli, house, "model")
    assert identity_of(run_cli, house) in done.stderr + done.stdout


def test_whose_content_was_not_read_is_not_said_to_be_unrevoked(
    run_cli: RunCli, house: Path
) -> None:
    """The signer is revoked, so nobody read the content: which is revoked as well."""
    revoke(run_cli, house, "model")
    revoke(run_cli, house, "release.pub", "--reason", "stolen")
    done = call(run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "l", code=1)
    assert "no revocation of the content" not in done.stdout
    assert "✓ revocation" not in done.stdout


# --- watching, exporting, erasing -----------------------------------------------------------------


def test_a_monitor_is_quiet_until_something_happens(run_cli: RunCli, house: Path) -> None:
    args = (
        "ledger",
        "monitor",
        "--ledger",
        "l",
        "--mine",
        identity_of(run_cli, house),
        "--state",
        "seen",
    )
    call(run_cli, house, *args, "--learn")
    call(run_cli, house, *args)
    revoke(run_cli, house, identity_of(run_cli, house))
    done = call(run_cli, house, *args, "-f", "jsonl", code=1)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["check", "verdict"]
    assert lines[0]["code"] == "watched"
    call(run_cli, house, *args)
    assert (house / "seen").stat().st_mode & 0o777 == 0o600


def test_exports_go_to_stdout_or_to_a_file(run_cli: RunCli, house: Path) -> None:
    for form in ("jsonl", "csv", "ocsf", "cef", "syslog"):
        done = call(run_cli, house, "ledger", "export", "--ledger", "l", "--as", form)
        call(run_cli, house, "ledger", "export", "--ledger", "l", "--as", form, "-o", "file")
        assert (house / "file").read_bytes() == done.stdout.encode()
    rows = list(
        csv.DictReader(
            io.StringIO(
                call(run_cli, house, "ledger", "export", "--ledger", "l", "--as", "csv").stdout
            )
        )
    )
    assert rows[0]["kind"] == "policy"
    call(run_cli, house, "ledger", "export", "--ledger", "l", "--as", "bundle", code=2)


def test_a_redaction_is_an_entry_and_refused_for_what_decides(run_cli: RunCli, house: Path) -> None:
    entry = json.loads(
        call(run_cli, house, "ledger", "show", "1", "--ledger", "l", "-f", "json").stdout
    )
    args = ("ledger", "redact", entry["claim_sha256"], "--ledger", "l")
    call(run_cli, house, *args, code=2)
    call(run_cli, house, *args, "--reason", "asked for")
    call(run_cli, house, "ledger", "verify", "--ledger", "l")
    policy = json.loads(
        call(run_cli, house, "ledger", "show", "0", "--ledger", "l", "-f", "json").stdout
    )
    kept = ("ledger", "redact", policy["claim_sha256"], "--ledger", "l", "--reason", "please")
    call(run_cli, house, *kept, code=1)


def test_an_anchor_is_made_renewed_and_checked(
    run_cli: RunCli, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with LoopbackSigstore.running() as sim:
        config = str(sim.write(house)["trust_config"])
        place = ("ledger", "anchor", "a.anchor", "--ledger", "l", "--trust-config", config)
        key = ("--key", "watcher.key")
        call(run_cli, house, *place, *key, "--offline", code=4)
        call(run_cli, house, *place, code=2)
        call(run_cli, house, *place, *key, "--tsa-url", sim.tsa_url)
        call(run_cli, house, *place, *key, "--renew", "--tsa-url", sim.tsa_url)
        call(run_cli, house, *place, *key, "--renew", code=2)
    done = call(
        run_cli, house, *place, "--key", "watcher.pub", "--check", "--offline", "-f", "json"
    )
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["size"], len(answer["times"])) == ("verified", 3, 2)
    call(run_cli, house, *place, "--key", "third.pub", "--check", code=1)
    (house / "a.anchor").write_bytes(b"words\n")
    call(run_cli, house, *place, "--key", "watcher.pub", "--check", code=1)


def test_a_ledger_whose_key_leaked_is_succeeded(run_cli: RunCli, house: Path) -> None:
    new = ("ledger", "init", "new", "--admit", "watcher.pub", "--succeeds", "l")
    call(run_cli, house, *new, code=2)
    call(run_cli, house, *new, "--old-recovery-key", "l/log.key", code=1)
    call(
        run_cli, house, "ledger", "init", "x", "--admit", "watcher.pub", "--checkpoint", "c", code=2
    )
    done = call(run_cli, house, *new, "--old-recovery-key", "l/recovery.key")
    assert "signs nothing any more" in done.stderr
    append = (
        "ledger",
        "append",
        "model/model.claims",
        "--kind",
        "observed",
        "--key",
        "watcher.key",
    )
    call(run_cli, house, *append, "--ledger", "l", code=4)
    call(run_cli, house, *append, "--ledger", "new")
    call(run_cli, house, "ledger", "verify", "--ledger", "new")


def test_the_log_key_is_rotated(run_cli: RunCli, house: Path) -> None:
    call(run_cli, house, "ledger", "prove", "1", "--ledger", "l", "-o", "old.receipt")
    old = (house / "l" / "log.vkey").read_text()
    (house / "old.vkey").write_text(old)
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", code=2)
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", "--finish", code=1)
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", "--recovery-key", "l/recovery.key")
    assert (house / "l" / "log.vkey").read_text() != old
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", "--finish")
    call(run_cli, house, "ledger", "verify", "--ledger", "l")
    call(run_cli, house, "ledger", "verify", "--receipt", "old.receipt", "--log-key", "old.vkey")
    assert (house / "l" / "log.vkey.1").read_text() == old
    call(
        run_cli, house,
        *("ledger", "verify", "--receipt", "old.receipt", "--log-key", "l/log.vkey"),
        code=1,
    )  # fmt: skip


def test_a_person_appends_by_logging_in(
    run_cli: RunCli, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CI job or a person who is admitted needs no key: the claims and the request are signed as who they are."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with LoopbackSigstore.running() as sim:
        places = sim.write(house)
        name = f"{sim.oidc.person}@{sim.oidc.url}"
        root = ("--trusted-root", str(places["trusted_root"]))
        call(run_cli, house, "ledger", "init", "p", "--admit", name, *root)
        (house / "token").write_text(sim.oidc.token())
        as_person = (
            "--identity-token-file",
            "token",
            "--trust-config",
            str(places["trust_config"]),
        )
        call(run_cli, house, "sign", "model", "--replace", *as_person)
        claims = ("ledger", "append", "model/model.claims", "--ledger", "p")
        call(run_cli, house, *claims, "--key", "release.key", code=1)
        call(run_cli, house, *claims, *as_person, "--kind", "observed")
        identity = ("--identity", sim.oidc.person, "--issuer", sim.oidc.url)
        verify = ("verify", "model", *identity, "--trust-config", str(places["trust_config"]))
        call(run_cli, house, *verify, "--ledger", "p")
        revocation = ("revoke", name, "--ledger", "p", "--reason", "left", *as_person)
        call(run_cli, house, *revocation)
    done = call(run_cli, house, *verify, "--ledger", "p", code=1)
    assert "revoked at #" in done.stdout


def test_a_successor_tells_what_it_takes_over_and_keeps_what_was_revoked(
    run_cli: RunCli, house: Path
) -> None:
    revoke(run_cli, house, "model")
    call(run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "l", code=1)
    done = call(
        run_cli, house, "ledger", "init", "new", "--admit", "watcher.pub", "--succeeds", "l",
        "--old-recovery-key", "l/recovery.key", "-f", "json",
    )  # fmt: skip
    assert "of it, 1 revocation will bind" in done.stderr
    told = json.loads(done.stdout)["succeeds"]
    assert (told["origin"], told["size"]) == ("example.com/models", 4)
    assert [one["subject"] for one in told["revoked"]] == [identity_of(run_cli, house)]
    done = call(
        run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "new", code=1
    )
    assert "revoked at #3 of `example.com/models`" in done.stdout
    shown = call(run_cli, house, "ledger", "show", "0", "--ledger", "new").stdout
    assert "succeeds        example.com/models at size 4" in shown
    assert "(1 of 1)" in shown
    done = call(
        run_cli, house, "ledger", "append", "model/model.claims", "--ledger", "l", "--key",
        "release.key", "--kind", "observed", code=4,
    )  # fmt: skip
    assert "was succeeded by another log" in done.stderr
    assert "migrate" not in done.stderr


def test_show_and_impact_tell_what_is_needed_on_the_bad_day(run_cli: RunCli, house: Path) -> None:
    (house / "deployed.json").write_text('{"target": "cluster eu-1, service chat"}')
    call(
        run_cli, house, "attest", "model", "--type", "deployment", "--predicate", "deployed.json",
        "--key", "watcher.key",
    )  # fmt: skip
    call(
        run_cli, house, "ledger", "append", "model/model.claims", "--ledger", "l", "--key",
        "watcher.key",
    )  # fmt: skip
    assert "cluster eu-1" in call(run_cli, house, "impact", "model", "--ledger", "l").stdout
    done = call(run_cli, house, "impact", "model", "--ledger", "l", "-f", "json")
    (use,) = json.loads(done.stdout)["uses"]
    assert "cluster eu-1" in use["said"]
    shown = call(run_cli, house, "ledger", "show", str(use["index"]), "--ledger", "l").stdout
    assert "cluster eu-1" in shown
    revoke(run_cli, house, "release.pub", "--reason", "laptop stolen", "--since", "2026-01-01")
    done = call(
        run_cli, house, "ledger", "show", str(use["index"] + 1), "--ledger", "l", "-f", "json"
    )
    said = json.loads(done.stdout)["said"]
    assert "laptop stolen" in said
    assert "2026-01-01" in said


def test_admitting_again_replaces_and_says_what_was_and_is(run_cli: RunCli, house: Path) -> None:
    owner = ("--ledger", "l", "--owner-key", "l/recovery.key")
    done = call(run_cli, house, "ledger", "admit", "release.pub:test", *owner)
    assert "release, scan -> test" in done.stdout
    for kind in ("policy", "key", "redact", "witness"):
        done = call(run_cli, house, "ledger", "admit", f"third.pub:{kind}", *owner, code=2)
        assert "the log writes entries of this kind itself" in done.stderr
    done = call(run_cli, house, "ledger", "admit", "third.pub:nonsense", *owner, code=2)
    assert "redact" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [("monitor", "--mine"), ("search", "--subject"), ("list", "--subject")],
)
def test_what_names_nothing_is_a_wrong_call(
    run_cli: RunCli, house: Path, args: tuple[str, ...]
) -> None:
    """A typo must not watch nothing for ever."""
    done = call(run_cli, house, "ledger", *args, "nosuchfolder", "--ledger", "l", code=2)
    assert "nosuchfolder" in done.stderr
    call(run_cli, house, "ledger", *args, "model", "--ledger", "l", code=int(args[0] == "monitor"))


def test_a_search_goes_on_where_it_stopped(run_cli: RunCli, house: Path) -> None:
    """Entries of one second are told apart by their index."""
    seen: list[int] = []
    start, more = 0, True
    for _ in range(3):
        done = call(
            run_cli, house, "ledger", "search", "--ledger", "l", "--limit", "1", "--start",
            str(start), "-f", "json",
        )  # fmt: skip
        answer = json.loads(done.stdout)
        seen += [one["index"] for one in answer["entries"]]
        start, more = seen[-1] + 1, answer["more"]
    assert seen == [0, 1, 2]
    assert not more
    call(run_cli, house, "ledger", "search", "weights\udcff", "--ledger", "l", code=2)


@pytest.mark.parametrize("place", ["https://[::1#x", "https://h:99999999", "postgresql://[x/db"])
def test_an_address_that_is_no_url_is_a_wrong_call(run_cli: RunCli, place: str) -> None:
    assert run_cli("ledger", "list", "--ledger", place).code == 2
    assert run_cli("ledger", "publish", place).code == 2


def test_a_ledger_is_not_published_into_its_own_folder(run_cli: RunCli, house: Path) -> None:
    """Whoever serves it would hand out the private key."""
    done = call(run_cli, house, "ledger", "publish", "l", "--ledger", "l", code=2)
    assert "with its keys" in done.stderr
    assert not (house / "l" / "checkpoint").exists()


def test_an_old_receipt_is_checked_with_the_ledger_after_a_rotation(
    run_cli: RunCli, house: Path
) -> None:
    call(run_cli, house, "ledger", "prove", "1", "--ledger", "l", "-o", "old.receipt")
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", "--recovery-key", "l/recovery.key")
    call(run_cli, house, "ledger", "rotate", "--ledger", "l", "--finish")
    check = ("ledger", "verify", "--receipt", "old.receipt", "--ledger")
    call(run_cli, house, *check, "l")
    call(run_cli, house, "ledger", "init", "other", "--admit", "third.pub")
    call(run_cli, house, *check, "other", code=1)


def test_a_restored_ledger_without_what_was_revoked_signs_nothing(
    run_cli: RunCli, house: Path
) -> None:
    """A view without claims brings the entry of a revocation back, and not what it revokes."""
    call(run_cli, house, "ledger", "backup", "saved", "--ledger", "l")
    revoke(run_cli, house, "model")
    restore = ("ledger", "restore", "saved", "again", "--log-key", "l/log.key", "--view")
    done = call(run_cli, house, *restore, "l/tiles", code=4)
    assert "an entry of the kind `revoke`" in done.stderr
    again = ("ledger", "restore", "again", "--view")
    call(run_cli, house, *again, "l/tiles", code=4)
    call(run_cli, house, "ledger", "publish", "www", "--ledger", "l")
    call(run_cli, house, *again, "www")
    call(run_cli, house, "verify", "model", "--key", "release.pub", "--ledger", "again", code=1)


def test_claims_brought_back_by_hand_let_a_restored_ledger_sign(
    run_cli: RunCli, house: Path
) -> None:
    call(run_cli, house, "ledger", "backup", "saved", "--ledger", "l")
    revoke(run_cli, house, "model")
    restore = ("ledger", "restore", "saved", "again", "--log-key", "l/log.key", "--view", "l/tiles")
    call(run_cli, house, *restore, code=4)
    for one in (house / "l" / "claims").iterdir():
        (house / "again" / "claims" / one.name).write_bytes(one.read_bytes())
    call(run_cli, house, "ledger", "restore", "again", "--view", "l/tiles")
    call(run_cli, house, "ledger", "verify", "--ledger", "again")


def test_every_rule_of_the_monitor_is_in_the_guide_and_explained(run_cli: RunCli) -> None:
    from weightmark.attestations.ledger.monitor.rules import RULES
    from weightmark.attestations.ledger.monitor.watching import ROLLBACK

    guide = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
    for name in (ROLLBACK, *(rule.id for rule in RULES)):
        assert f"`{name}`" in guide
    assert "ask the publisher" in run_cli("explain", "missing-kinds").stdout
