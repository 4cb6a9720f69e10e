"""Each way in which a set-up can be wrong is named by `doctor`, with what mends it."""

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from weightmark.cli.doctor.installation import Need, at_least, examine_library, needs_of
from weightmark.cli.doctor.interface import Verdict
from weightmark.cli.doctor.machine import MADE, examine_clock, examine_terminal
from weightmark.cli.doctor.network import ask_clock
from weightmark.cli.doctor.places import examine_cache, examine_receipts, examine_temporary

ROOT = Path(__file__).parents[2]
NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def entries(ran: Ran) -> dict[str, dict[str, Any]]:
    """Return what was looked at by its id; a fault and its fix come together."""
    document = fitting(ran.stdout, "doctor")
    found = {one["id"]: one for one in document["entries"]}
    for one in found.values():
        assert bool(one["fix"]) == (one["verdict"] in {"warn", "bad"}), one
    bad = any(one["verdict"] == "bad" for one in found.values())
    assert (ran.code, document["verdict"]) == ((4, "unfit") if bad else (0, "fit"))
    return found


def doctor(run_cli: RunCli, *args: str, **given: Any) -> dict[str, dict[str, Any]]:
    return entries(run_cli("doctor", "-f", "json", *args, **given))


@pytest.fixture
def here(quiet_environment: Path) -> Path:
    return quiet_environment


# --- a sound set-up -------------------------------------------------------------------------------


def test_a_sound_set_up_is_sound_and_doctor_only_looks(run_cli: RunCli, here: Path) -> None:
    found = doctor(run_cli)
    assert [one for one in found.values() if one["verdict"] == "bad"] == []
    assert list(here.iterdir()) == [], "nothing was made"


def test_every_name_that_is_shown_can_be_explained(run_cli: RunCli, here: Path) -> None:
    (here / "weightmark.toml").write_text("nonsense = 1\n")
    env = {
        "HTTPS_PROXY": "proxy:1",
        "WEIGHTMARK_GATE_POLICY": "none",
        "WEIGHTMARK_SIGN_KEY": "none.key",
    }
    titles = {one["title"] for one in doctor(run_cli, env=env).values()}
    assert {"keys", "policy", "network", "settings"} <= titles
    for title in titles:
        assert run_cli("explain", *title.split(), "--isolated").code == 0, title


def test_online_and_offline_contradict_each_other(run_cli: RunCli) -> None:
    assert run_cli("doctor", "--online", "--offline").code == 2


# --- installation ---------------------------------------------------------------------------------


def test_a_library_that_cannot_be_imported_is_named_with_the_call_that_mends_it() -> None:
    fault = examine_library("weightmark_has_no_such_library")
    assert fault is not None
    assert fault.verdict is Verdict.BAD
    assert "pip install --force-reinstall weightmark`" in fault.fix
    assert examine_library("json") is None


def test_an_installation_with_a_library_too_old_is_unfit(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very files that pip leaves, in a folder that is searched first."""
    _installed(tmp_path, "weightmark", "0.1.0", "click>=99", 'starlette>=99; extra == "server"')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = doctor(run_cli)
    assert found["library:click"]["verdict"] == "bad"
    assert "older than 99" in found["library:click"]["seen"]
    assert "click>=99" in found["library:click"]["fix"]
    assert found["extra:server"]["verdict"] == "warn"
    assert "weightmark[server]" in found["extra:server"]["fix"]


def test_a_command_whose_module_is_gone_is_named_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    """An upgrade that broke off leaves such a folder; a copy of this tree stands in for it."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT / "weightmark", tree / "weightmark", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tree / "weightmark/cli/convert.py").unlink()
    ran = subprocess.run(
        [sys.executable, "-m", "weightmark", "doctor", "-f", "json"],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = entries(Ran((), ran.returncode, ran.stdout, ran.stderr))
    assert [one for one in found if one.startswith("command:")] == ["command:convert"]
    assert found["command:convert"]["verdict"] == "bad"
    assert "settings" in found


def test_an_extra_that_is_there_in_part_is_named(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [f'{name}>=0.1; extra == "server"' for name in ("starlette", "no-such-server-anywhere")]
    _installed(tmp_path, "weightmark", "0.1.0", "click>=8", *asked)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = doctor(run_cli)
    assert "`no-such-server-anywhere` is missing" in found["extra:server"]["seen"]


def test_an_extra_that_nobody_installed_is_no_fault(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _installed(tmp_path, "weightmark", "0.1.0", "click>=8", 'no-such-thing>=1; extra == "thing"')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = doctor(run_cli)
    assert "extra:thing" not in found
    assert "not installed: thing" in run_cli("doctor").stdout


def _installed(folder: Path, name: str, version: str, *requirements: str) -> None:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requirements]
    (place / "METADATA").write_text("\n".join(lines) + "\n")


def test_requirements_are_read_as_packages_write_them() -> None:
    lines = [
        "blake3>=1.0",
        'securesystemslib[awskms,vault]>=1.6; extra == "kms"',
        'modelscan>=0.8; python_version < "3.11" and extra == "modelscan"',
        "pyyaml (>=6)",
        "jinja2",
    ]
    assert list(needs_of(lines)) == [
        Need("blake3", "1.0", ""),
        Need("securesystemslib", "1.6", "kms", ("awskms", "vault")),
        Need("pyyaml", "6", ""),
        Need("jinja2", "", ""),
    ]


@given(st.text(max_size=80))
def test_no_requirement_line_breaks_the_doctor(line: str) -> None:
    list(needs_of([line]))


@pytest.mark.parametrize(
    ("version", "least", "good"),
    [("8.10.0", "8.9", True), ("8", "8.0.0", True), ("1.6.0rc1", "1.6", True), ("1.5.9", "1.6", False),
     ("nonsense", "1", False)],
)  # fmt: skip
def test_versions_are_compared_as_numbers(version: str, least: str, *, good: bool) -> None:
    assert at_least(version, least) is good


# --- environment and settings -----------------------------------------------------------------------


def test_a_misspelt_variable_says_nothing_to_anybody(run_cli: RunCli) -> None:
    found = doctor(run_cli, env={"WEIGHTMARK_GATE_POLCY": "strict"})[
        "variable:WEIGHTMARK_GATE_POLCY"
    ]
    assert (found["verdict"], found["fix"]) == ("warn", "did you mean `WEIGHTMARK_GATE_POLICY`?")


def test_a_value_that_no_command_takes_is_bad_and_one_that_some_take_a_warning(
    run_cli: RunCli,
) -> None:
    env = {
        "WEIGHTMARK_SIGN_OMS_HASH": "md5",
        "WEIGHTMARK_FORMAT": "sarif",
        "WEIGHTMARK_DOCTOR_FORMAT": "json",
    }
    found = doctor(run_cli, env=env)
    assert found["variable:WEIGHTMARK_SIGN_OMS_HASH"]["verdict"] == "bad"
    assert found["variable:WEIGHTMARK_FORMAT"]["verdict"] == "warn"


def test_a_passphrase_is_known_and_never_shown(run_cli: RunCli) -> None:
    ran = run_cli("doctor", "-f", "json", env={"WEIGHTMARK_PASSPHRASE": "open sesame"})
    assert "sesame" not in ran.stdout + ran.stderr
    assert entries(ran)["environment"]["verdict"] == "ok"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense = 1\n", "nonsense"),
        ("jobs = 'many'\n", "jobs"),
        ("[gaet]\npolicy = 'strict'\n", "gaet"),
        ("jobs = \n", "weightmark.toml"),
    ],
)
def test_a_broken_settings_file_does_not_silence_the_doctor(
    run_cli: RunCli, here: Path, text: str, said: str
) -> None:
    (here / "weightmark.toml").write_text(text)
    found = doctor(run_cli)["settings"]
    assert found["verdict"] == "bad"
    assert said in found["seen"] + found["why"]


def test_a_settings_file_that_is_named_and_missing_is_bad(run_cli: RunCli) -> None:
    assert doctor(run_cli, "--config", "none.toml")["settings"]["verdict"] == "bad"
    env = {"WEIGHTMARK_CONFIG": "none.toml"}
    assert doctor(run_cli, env=env)["settings"]["verdict"] == "bad"


def test_isolated_reads_no_settings_file_at_all(run_cli: RunCli, here: Path) -> None:
    (here / "weightmark.toml").write_text("nonsense = 1\n")
    found = doctor(run_cli, "--isolated")["settings"]
    assert (found["verdict"], found["seen"]) == ("note", "no file")


def test_a_found_file_that_may_not_say_all_that_it_says_is_noted(
    run_cli: RunCli, here: Path
) -> None:
    (here / "weightmark.toml").write_text("[gate]\npolicy = 'strict'\n")
    ran = run_cli("doctor")
    assert "nobody named it" in ran.stdout
    assert ran.code == 0


def test_several_faults_of_one_kind_are_one_check_and_an_entry_each(
    run_cli: RunCli, here: Path
) -> None:
    env = {"WEIGHTMARK_SIGN_KEY": "gone.key", "WEIGHTMARK_VERIFY_KEY": "gone.pub"}
    assert {"key:gone.key", "key:gone.pub"} <= set(doctor(run_cli, env=env))
    shown = run_cli("doctor", env=env).stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("✗ keys")]
    assert "gone.key" in line
    assert "gone.pub" in shown


# --- policies, keys, trust ----------------------------------------------------------------------------


def test_a_policy_that_is_named_is_loaded(run_cli: RunCli, here: Path) -> None:
    (here / "broken.toml").write_text("version = 1\nname = 'x'\nmode = 'sometimes'\n")
    for word, verdict in {
        "baseline": "ok",
        "basline": "bad",
        "./broken.toml": "bad",
        "./none.toml": "bad",
    }.items():
        found = doctor(run_cli, env={"WEIGHTMARK_GATE_POLICY": word})
        assert found[f"policy:{word}"]["verdict"] == verdict, found


@pytest.mark.parametrize(("days", "verdict"), [(-1, "bad"), (5, "warn"), (400, "ok")])
def test_a_policy_that_ends_is_named_before_it_ends(
    run_cli: RunCli, here: Path, days: int, verdict: str
) -> None:
    assert run_cli("key", "generate", "-o", "k.key").code == 0
    assert (
        run_cli("policy", "init", "--preset", "baseline", "--key", "k.pub", "-o", "p.toml").code
        == 0
    )
    end = datetime.now(UTC) + timedelta(days=days)
    text = (here / "p.toml").read_text()
    (here / "p.toml").write_text(f"expires = {end:%Y-%m-%dT%H:%M:%SZ}\n{text}")
    found = doctor(run_cli, env={"WEIGHTMARK_POLICY": "./p.toml"})
    assert found["policy:./p.toml"]["verdict"] == verdict


def test_a_private_key_that_others_can_read_is_named(run_cli: RunCli, here: Path) -> None:
    assert run_cli("key", "generate", "-o", "mine.key").code == 0
    env = {"WEIGHTMARK_SIGN_KEY": "mine.key"}
    assert doctor(run_cli, env=env)["key:mine.key"]["verdict"] == "ok"
    (here / "mine.key").chmod(0o644)
    found = doctor(run_cli, env=env)["key:mine.key"]
    assert found["verdict"] == "warn"
    assert found["fix"].startswith("`chmod 600 mine.key`")
    assert doctor(run_cli)["key:mine.key"]["verdict"] == "warn", (
        "keys in the current folder count, too"
    )


def test_a_key_that_is_not_there_is_named_with_who_names_it(run_cli: RunCli) -> None:
    found = doctor(run_cli, env={"WEIGHTMARK_VERIFY_KEY": "gone.pub"})["key:gone.pub"]
    assert found["verdict"] == "bad"
    assert "WEIGHTMARK_VERIFY_KEY" in found["fix"]


def test_a_key_in_a_token_is_not_looked_for_on_disk(run_cli: RunCli) -> None:
    found = doctor(run_cli, env={"WEIGHTMARK_SIGN_KEY": "pkcs11:token=a;object=b"})
    assert [one for one in found if one.startswith("key:")] == []


def test_a_trust_file_that_cannot_be_read_is_bad(run_cli: RunCli, here: Path) -> None:
    folder = here / ".config/weightmark/trust"
    folder.mkdir(parents=True)
    (folder / "acme.toml").write_text("nonsense\n")
    found = doctor(run_cli)
    assert [one["verdict"] for one in found.values() if "acme.toml" in one["seen"]] == ["bad"]


# --- ledgers -------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(run_cli: RunCli, here: Path) -> Path:
    assert run_cli("key", "generate", "-o", "k.key").code == 0
    assert run_cli("ledger", "init", "register", "--admit", "k.pub").code == 0
    return here / "register"


def test_the_recovery_key_beside_the_ledger_is_a_warning_until_it_is_moved(
    run_cli: RunCli, here: Path, ledger: Path
) -> None:
    env = {"WEIGHTMARK_LEDGER": "register"}
    assert doctor(run_cli, env=env)["ledger:register:recovery"]["verdict"] == "warn"
    (ledger / "recovery.key").rename(here / "recovery.key")
    found = doctor(run_cli, env=env)
    assert "ledger:register:recovery" not in found
    assert found["ledger:register"]["verdict"] == "ok"


def test_a_log_key_that_others_can_read_is_named(run_cli: RunCli, ledger: Path) -> None:
    (ledger / "log.key").chmod(0o644)
    found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": "register"})
    assert found["ledger:register:keys"]["verdict"] == "warn"


@pytest.mark.parametrize("lost", ["ledger.db", "log.vkey"])
def test_a_ledger_that_lost_a_part_is_bad(run_cli: RunCli, ledger: Path, lost: str) -> None:
    (ledger / lost).unlink()
    found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": "register"})
    assert found["ledger:register"]["verdict"] == "bad"


def test_a_checkpoint_by_another_key_is_bad(run_cli: RunCli, ledger: Path) -> None:
    checkpoint = ledger / "tiles" / "checkpoint"
    lines = checkpoint.read_text().splitlines()
    lines[1] = str(int(lines[1]) + 1)
    checkpoint.write_text("\n".join(lines) + "\n")
    found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": "register"})
    assert found["ledger:register"]["verdict"] == "bad"


def test_a_ledger_that_was_rolled_back_is_bad(run_cli: RunCli, here: Path, ledger: Path) -> None:
    old = (ledger / "tiles" / "checkpoint").read_bytes()
    (here / "m").mkdir()
    (here / "m" / "w.pkl").write_bytes(b"\x80\x04}.")
    assert run_cli("sign", "m", "--key", "k.key").code == 0
    assert (
        run_cli("ledger", "append", "m/model.claims", "--ledger", "register", "--key", "k.key").code
        == 0
    )
    (ledger / "tiles" / "checkpoint").write_bytes(old)
    found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": "register"})["ledger:register"]
    assert found["verdict"] == "bad"
    assert "rolled back" in found["why"]


def test_the_ledger_of_the_data_folder_is_looked_at_without_being_named(
    run_cli: RunCli, here: Path
) -> None:
    assert run_cli("key", "generate", "-o", "k.key").code == 0
    assert run_cli("ledger", "init", "--admit", "k.pub").code == 0
    found = doctor(run_cli)
    usual = here / ".local/share/weightmark/ledger"
    assert found[f"ledger:{usual}"]["verdict"] == "ok"


# --- places ---------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_bad(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = run_cli("doctor", env={"XDG_STATE_HOME": str(tmp_path / "file")})
    assert ran.code == 4
    assert "✗ state" in ran.stdout
    assert "`XDG_STATE_HOME`" in ran.stdout


def test_a_cache_that_grew_is_named(tmp_path: Path) -> None:
    assert examine_cache(tmp_path / "none").verdict is Verdict.NOTE
    with (tmp_path / "large").open("wb") as file:
        file.truncate(6 * 1024**3)
    grown = examine_cache(tmp_path)
    assert (grown.verdict, grown.seen) == (Verdict.WARN, "6.0 GiB in 1 files")


@pytest.mark.parametrize("kind", ["link", "open", "folder"])
def test_a_store_of_receipts_that_proves_nothing_is_named(tmp_path: Path, kind: str) -> None:
    store = tmp_path / "receipts.db"
    if kind == "link":
        store.symlink_to(tmp_path / "elsewhere")
    elif kind == "open":
        store.touch()
        store.chmod(0o666)
    else:
        store.mkdir()
    assert examine_receipts(store, tmp_path).verdict is Verdict.WARN


def test_a_temporary_folder_that_is_gone_is_bad(tmp_path: Path) -> None:
    assert examine_temporary(tmp_path / "gone").verdict is Verdict.BAD


def test_without_a_home_doctor_still_answers(run_cli: RunCli) -> None:
    env = {"HOME": "", "XDG_STATE_HOME": "relative", "WEIGHTMARK_ISOLATED": "1"}
    assert run_cli("doctor", "-f", "json", env=env).code in {0, 4}


# --- clock and terminal ------------------------------------------------------------------------------------


def test_a_clock_behind_this_version_or_behind_what_was_written_here_is_bad() -> None:
    assert examine_clock(MADE - timedelta(days=1)).verdict is Verdict.BAD
    assert examine_clock(NOW, newest=NOW + timedelta(hours=1)).verdict is Verdict.BAD
    assert examine_clock(NOW, newest=NOW - timedelta(hours=1)).verdict is Verdict.OK


def test_a_checkpoint_remembered_in_the_future_shows_that_the_clock_went_back(
    run_cli: RunCli, here: Path, ledger: Path
) -> None:
    (memory,) = (here / ".local/state/weightmark/ledgers").glob("*.json")
    ahead = datetime.now(UTC).timestamp() + 86400
    os.utime(memory, (ahead, ahead))
    found = doctor(run_cli)["clock"]
    assert (found["verdict"], "NTP" in found["fix"]) == ("bad", True)


@pytest.mark.parametrize(
    ("stdout", "files", "verdict"),
    [
        ("utf-8", "utf-8", "ok"),
        ("UTF8", "utf_8", "ok"),
        ("ascii", "utf-8", "warn"),
        ("utf-8", "latin-1", "warn"),
    ],
)
def test_a_locale_without_utf8_is_a_warning(stdout: str, files: str, verdict: str) -> None:
    assert examine_terminal(stdout, files).verdict == verdict


# --- network --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["proxy:3128", "http://", "//[", "http://host:port"])
def test_a_proxy_that_is_no_address_is_bad(run_cli: RunCli, proxy: str) -> None:
    found = doctor(run_cli, env={"HTTPS_PROXY": proxy})["variable:HTTPS_PROXY"]
    assert found["verdict"] == "bad"


def test_the_password_of_a_proxy_is_never_shown(run_cli: RunCli) -> None:
    ran = run_cli(
        "doctor", "-f", "json", env={"HTTPS_PROXY": "http://kim:sesame@proxy.example:3128"}
    )
    assert "sesame" not in ran.stdout
    assert entries(ran)["variable:HTTPS_PROXY"]["seen"].startswith(
        "by the proxy `http://proxy.example:3128`"
    )


def test_authorities_that_are_not_there_are_bad(run_cli: RunCli, here: Path) -> None:
    (here / "empty.pem").write_text("")
    for place in ("gone.pem", "empty.pem"):
        found = doctor(run_cli, env={"REQUESTS_CA_BUNDLE": place})["variable:REQUESTS_CA_BUNDLE"]
        assert found["verdict"] == "bad", place


class _Clock(http.server.BaseHTTPRequestHandler):
    behind = timedelta()

    def do_GET(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", format_datetime(datetime.now(UTC) - self.behind, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(behind: timedelta) -> Iterator[str]:
    handler = type("Clock", (_Clock,), {"behind": behind})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_service_whose_clock_differs_is_a_warning() -> None:
    with serving(timedelta()) as address:
        assert ask_clock(address, datetime.now(UTC)).verdict is Verdict.OK
    with serving(timedelta(minutes=10)) as address:
        assert ask_clock(address, datetime.now(UTC)).verdict is Verdict.WARN


def test_the_password_in_an_address_is_never_shown() -> None:
    with serving(timedelta()) as address:
        seen = ask_clock(address.replace("//", "//kim:sesame@"), datetime.now(UTC))
    assert seen.verdict is Verdict.OK
    assert "sesame" not in repr(seen)


def test_a_service_that_does_not_answer_is_bad() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert ask_clock(address, datetime.now(UTC)).verdict is Verdict.BAD


def test_nothing_is_asked_without_online(run_cli: RunCli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": f"http://127.0.0.1:{port}#key"})
        assert found["services"]["verdict"] == "note"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_live_ledger_without_its_key_is_a_warning(run_cli: RunCli, ledger: Path) -> None:
    (ledger / "log.key").unlink()
    found = doctor(run_cli, env={"WEIGHTMARK_LEDGER": "register"})["ledger:register"]
    assert found["verdict"] == "warn"
    assert "nothing can be appended" in found["why"]


# --- places that cannot be entered ---------------------------------------------------------------------


@pytest.mark.parametrize("home", ["CACHE", "CONFIG", "DATA", "STATE"])
def test_a_home_that_cannot_be_looked_at_costs_one_line_and_not_the_others(
    run_cli: RunCli, home: str
) -> None:
    sound = doctor(run_cli)
    closed = doctor(run_cli, env={f"XDG_{home}_HOME": "/" + "x" * 5000})
    assert any(one["verdict"] == "bad" for one in closed.values())
    assert {"python", "libraries", "environment", "settings"} <= sound.keys() & closed.keys()


@pytest.mark.needs("ordinary_user")
@pytest.mark.parametrize("home", ["CACHE", "CONFIG", "DATA", "STATE"])
def test_a_home_of_somebody_else_is_named(run_cli: RunCli, here: Path, home: str) -> None:
    (here / "closed").mkdir(mode=0o000)
    found = doctor(run_cli, env={f"XDG_{home}_HOME": str(here / "closed")})
    assert any(one["verdict"] == "bad" for one in found.values())
    (here / "closed").chmod(0o700)


# --- values that no command takes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("EVENTS", "foo://x", "events"),
        ("EVENTS", "https://user:pw@example.com/", "events"),
        ("TRUST", "/nope.toml", "trust:/nope.toml"),
        ("TRUST", "nobody", "trust:nobody"),
        ("TRUSTED_ROOT", "gone.json", "trust:gone.json"),
    ],
)
def test_a_value_with_which_commands_end_is_bad(
    run_cli: RunCli, variable: str, value: str, named: str
) -> None:
    assert doctor(run_cli, env={f"WEIGHTMARK_{variable}": value})[named]["verdict"] == "bad"


def test_a_good_address_of_events_is_no_fault(run_cli: RunCli) -> None:
    assert "events" not in doctor(run_cli, env={"WEIGHTMARK_EVENTS": "syslog://127.0.0.1:514"})


def test_the_help_names_the_distribution_and_never_a_standard_module_as_one(
    tmp_path: Path,
) -> None:
    """A name that nobody has taken on an index may be taken by anybody."""
    for module in ("yaml", "ssl", "sqlite3"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('no such thing')\n")
    code = (
        "from weightmark.cli.doctor.installation import examine_library\n"
        "for one in ('yaml', 'ssl', 'sqlite3'): print(examine_library(one).fix)"
    )
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    yaml, ssl, sqlite = done.stdout.splitlines()
    assert "--force-reinstall PyYAML" in yaml
    assert not any("pip" in fix for fix in (ssl, sqlite))
