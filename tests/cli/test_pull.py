"""`weightmark pull` as it is called: from a hub, with a policy, killed, lied to, and with tokens around."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_signed
from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from tests.sim.faults import Fault, FaultKind
from tests.sim.gcs import Gcs
from tests.sim.hub import Content, Hub, Lfs, Repository
from tests.sim.hub_client import download
from weightmark.attestations.locking.lock_file import LockFile
from weightmark.provenance.identification import identify

TOKEN = "hf_verysecrettoken"  # noqa: S105 - made up


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture
def desk(tmp_path: Path, quiet_environment: Path) -> Path:
    """Return the folder from which commands are called; it holds the publisher's keys."""
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "release.pub").write_bytes(KEY.public.pem)
    (folder / "release.key").write_bytes(KEY.to_pem(None))
    return folder


def tree(folder: Path) -> dict[str, Content]:
    """Return the files of a folder as a hub has them: weights as large files."""
    found: dict[str, Content] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            found[name] = Lfs(data) if name.endswith(".safetensors") else data
    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_signed(tmp_path / "model")


@pytest.fixture
def repository(hub: Hub, model: Path) -> Repository:
    return hub.add("models", "acme/bert", tree(model))


def pull(run: RunCli, desk: Path, *args: str, env: Mapping[str, str] | None = None) -> Ran:
    words = ("hf://acme/bert", "--to", "bert", "--policy", "baseline", "--key", "release.pub")
    return run("pull", *words, *args, cwd=desk, env=env)


def document(ran: Ran) -> dict[str, Any]:
    found = fitting(ran.stdout, "pull")
    assert found["exit"] == ran.code
    return found


def test_a_signed_model_is_pulled_and_pinned(
    hub: Hub, repository: Repository, desk: Path, model: Path, run_cli: RunCli
) -> None:
    ran = pull(run_cli, desk, "-f", "json")
    said = document(ran)
    assert ran.code == 0, ran.stderr
    assert said["placed"]
    assert said["pinned"] == f"hf://models/acme/bert@{repository.head}"
    assert said["identity"] == identify(model).identity == identify(desk / "bert").identity


def test_a_model_by_a_stranger_is_refused_and_not_placed(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "stranger.key", cwd=desk).code == 0
    words = ("--to", "bert", "--policy", "baseline", "--key", "stranger.pub", "-f", "json")
    ran = run_cli("pull", repository.uri, *words, cwd=desk)
    assert ran.code == 1
    assert not document(ran)["placed"]
    assert not (desk / "bert").exists()


@pytest.mark.parametrize(
    "words", [("--policy", "audit"), ("--policy", "baseline", "--mode", "warn")]
)
def test_who_only_looks_is_not_stopped_by_a_signature(
    repository: Repository, desk: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    """A publisher who begins to sign must not break those who merely look."""
    ran = run_cli("pull", repository.uri, "--to", "m", *words, "-f", "json", cwd=desk)
    answer = fitting(ran.stdout, "pull")
    assert (ran.code, answer["placed"]) == (0, True), ran.stderr
    (signature,) = [one for one in answer["checks"] if one["name"] == "signature"]
    assert signature["outcome"] == "unchecked"


def test_who_enforces_has_to_say_whose_signature_it_has_to_be(
    repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    ran = run_cli("pull", repository.uri, "--to", "m", "--policy", "baseline", cwd=desk)
    assert ran.code == 2
    assert not (desk / "m").exists()


def test_hints_name_the_destination_and_never_the_quarantine(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    repository.commit({**repository.commits[repository.head], "x.pkl": EVIL_PICKLE})
    ran = pull(run_cli, desk)
    assert ran.code == 1
    assert "weightmark-pull" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_audit_does_not_let_a_broken_promise_through(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, form: str
) -> None:
    repository.served["config.json"] = b"[]"
    words = ("--to", "bert", "--policy", "audit", "--mode", "warn", "-f", form)
    ran = run_cli("pull", repository.uri, *words, cwd=desk)
    assert ran.code == 1
    assert "promise-broken" in ran.stderr
    assert sorted(path.name for path in desk.iterdir()) == ["release.key", "release.pub"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(FaultKind.TRUNCATED, times=2), 0),
        (Fault(FaultKind.DOWN, times=1), 0),
        (Fault(FaultKind.STATUS, times=1, status=503), 0),
        (Fault(FaultKind.STATUS, times=1, status=429, retry_after="1"), 0),
        (Fault(FaultKind.STATUS, status=401), 4),
        (Fault(FaultKind.STATUS, status=403), 4),
        (Fault(FaultKind.STATUS, status=404), 4),
        (Fault(FaultKind.HTML), 1),
        (Fault(FaultKind.HUGE), 1),
    ],
    ids=lambda one: one.kind.value + str(one.status) if isinstance(one, Fault) else str(one),
)
def test_a_storage_that_fails_is_resumed_or_refused(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, *, fault: Fault, code: int
) -> None:
    hub.faults["storage"] = fault
    ran = pull(run_cli, desk)
    assert ran.code == code, ran.stderr
    assert (desk / "bert").exists() == (code == 0)


def test_a_gated_model_is_pulled_with_a_token_that_is_never_told(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    repository.gated, hub.token = True, TOKEN
    env = {"HF_TOKEN": TOKEN}
    refused = pull(run_cli, desk, "-v")
    assert refused.code == 4
    assert "gated" in refused.stderr
    wrong = pull(run_cli, desk, "-v", env={"HF_TOKEN": TOKEN + "x"})
    assert wrong.code == 4
    ran = pull(run_cli, desk, "-v", "-f", "json", env=env)
    assert ran.code == 0
    for one in (refused, wrong, ran):
        assert TOKEN not in one.stdout + one.stderr
        assert "presigned-secret" not in one.stdout + one.stderr
    left = b"".join(path.read_bytes() for path in desk.rglob("*") if path.is_file())
    assert TOKEN.encode() not in left
    assert not [one for one in hub.asked("storage") if "authorization" in one.headers]


def test_offline_asks_nobody(hub: Hub, repository: Repository, desk: Path, run_cli: RunCli) -> None:
    assert pull(run_cli, desk, "--offline").code == 4
    assert hub.asked("api") == []


def test_the_hubs_own_offline_switch_counts_too(
    hub: Hub, repository: Repository, desk: Path, spawn_cli: RunCli
) -> None:
    ran = pull(spawn_cli, desk, env={"HF_HUB_OFFLINE": "1"})
    assert ran.code == 4
    assert "HF_HUB_OFFLINE" in ran.stderr
    assert hub.asked("api") == []


@pytest.mark.parametrize(
    "uri",
    ["hf://$(touch x)/y", "hf://a/b@`id`", "hf://../..", "hf://a/b;id", "hf://u:p@h/a/b"],
)
def test_an_address_with_shell_signs_is_a_wrong_call(
    hub: Hub, desk: Path, run_cli: RunCli, uri: str
) -> None:
    ran = run_cli("pull", uri, "--to", "x", "--policy", "audit", cwd=desk)
    assert ran.code == 2
    assert hub.server.seen == []


def test_settings_may_come_from_the_environment_as_in_an_init_container(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    env = {"WEIGHTMARK_POLICY": "baseline", "WEIGHTMARK_KEY": "release.pub"}
    ran = run_cli("pull", f"weightmark+{repository.uri}", "--to", "bert", cwd=desk, env=env)
    assert ran.code == 0, ran.stderr


@pytest.mark.parametrize("words", [("--lock", "bert/weightmark.lock"), ("--ledger", "bert/ledger")])
def test_what_configures_the_judge_lies_outside_of_the_destination(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, words: tuple[str, str]
) -> None:
    assert pull(run_cli, desk, *words).code == 2


def test_what_a_pull_placed_is_replaced_only_when_that_is_said(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk).code == 0
    repository.commit({**repository.commits[repository.head], ".gitattributes": b"x"})
    refused = pull(run_cli, desk)
    assert refused.code == 2
    assert "--replace" in refused.stderr
    assert not (desk / "bert" / ".gitattributes").exists()
    assert pull(run_cli, desk, "--replace").code == 1, "nobody signed the new file"
    assert not (desk / "bert" / ".gitattributes").exists()
    assert pull(run_cli, desk, "--replace", "--policy", "audit").code == 0
    assert (desk / "bert" / ".gitattributes").exists()
    (desk / "mine").mkdir()
    (desk / "mine" / "thesis").write_bytes(b"x")
    words = ("--to", "mine", "--replace", "--policy", "audit")
    assert run_cli("pull", repository.uri, *words, cwd=desk).code == 2
    assert (desk / "mine" / "thesis").exists()


# --- recording and locking ------------------------------------------------------------------------


def test_a_decision_is_recorded_before_anything_is_placed(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    init = ("ledger", "init", "ledger", "--admit", "release.pub")
    assert run_cli(*init, cwd=desk).code == 0
    record = ("--ledger", "ledger", "--record", "--signing-key", "release.key", "-f", "json")
    said = document(pull(run_cli, desk, *record))
    assert said["record"]["kind"] == "decision"
    assert pull(run_cli, desk, "--record").code == 2


def test_a_lock_pins_what_a_branch_was(
    hub: Hub, repository: Repository, desk: Path, model: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk, "--lock", "weightmark.lock").code == 0
    (locked,) = LockFile.load(desk / "weightmark.lock").artifacts
    assert locked.pinned.endswith(repository.head)
    repository.commit({"config.json": b"[]"})
    (desk / "bert").rename(desk / "old")
    ran = pull(run_cli, desk, "--locked", "-f", "json")
    assert ran.code == 0, ran.stderr
    assert document(ran)["identity"] == identify(model).identity


def test_locked_refuses_a_hub_that_serves_another_tree_under_the_same_commit(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk, "--lock", "weightmark.lock").code == 0
    (desk / "bert").rename(desk / "old")
    repository.commits[repository.head]["config.json"] = b"[]"
    ran = pull(run_cli, desk, "--locked")
    assert ran.code == 1
    assert "lock" in ran.stderr
    assert not (desk / "bert").exists()


def test_what_is_not_in_the_lock_is_not_fetched(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk, "--locked").code == 2
    assert pull(run_cli, desk, "--lock", "weightmark.lock").code == 0
    other = run_cli(
        "pull", "hf://acme/other", "--locked", "--to", "x", "--policy", "audit", cwd=desk
    )
    assert other.code == 2
    assert "not in the lock" in other.stderr


# --- killed ---------------------------------------------------------------------------------------


def _start(desk: Path, hub: Hub) -> "subprocess.Popen[str]":
    root = str(Path(__file__).parents[2])
    words = ["pull", "hf://acme/bert", "--to", "bert", "--policy", "audit", "--key", "release.pub"]
    return subprocess.Popen(
        [sys.executable, "-m", "weightmark", *words],
        cwd=desk,
        env={**os.environ, **hub.environment, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 130),
        (signal.SIGHUP, 130),
    ],
)
def test_a_pull_that_is_killed_is_resumed_by_the_next_one(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, *, number: int, code: int
) -> None:
    big = bytes(3_000_000)
    repository.commit({**repository.commits[repository.head], "big.safetensors": Lfs(big)})
    hub.faults["storage"] = Fault(FaultKind.SLOW, times=1, seconds=3)
    with _start(desk, hub) as running:
        partial = desk / ".bert.weightmark-pull" / "artifact" / "bert"
        end = time.monotonic() + 50
        while not (partial / "big.safetensors").exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        running.send_signal(number)
        assert running.wait(timeout=50) == code
    assert not (desk / "bert").exists()
    hub.faults.clear()
    words = ("--to", "bert", "--policy", "audit", "--key", "release.pub", "-f", "json")
    said = document(run_cli("pull", repository.uri, *words, cwd=desk))
    assert said["placed"]
    assert said["resumed"] > 0
    assert sorted(path.name for path in desk.iterdir()) == ["bert", "release.key", "release.pub"]


def test_an_interrupt_ends_at_once_though_the_store_says_nothing(
    desk: Path, quiet_environment: Path
) -> None:
    """The store is silent for a minute, and its client waits half a minute for it."""
    with Gcs.running() as gcs:
        gcs.put("bert/m.safetensors", b"x" * 1000)
        gcs.faults["media"] = Fault(FaultKind.SLOW, seconds=60)
        words = ["pull", "gs://models/bert", "--to", "bert", "--policy", "audit"]
        root = str(Path(__file__).parents[2])
        with subprocess.Popen(
            [sys.executable, "-m", "weightmark", *words, "--key", "release.pub"],
            cwd=desk,
            env={**os.environ, **gcs.environment, "PYTHONPATH": root},
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            end = time.monotonic() + 50
            while not gcs.server.requests("media") and time.monotonic() < end:
                time.sleep(0.05)
            running.send_signal(signal.SIGINT)
            assert running.wait(timeout=25) == 130
            assert running.stderr is not None
            assert "Traceback" not in running.stderr.read()
    assert not (desk / "bert").exists()


@pytest.mark.needs("tmpfs")
@pytest.mark.parametrize("killed", [False, True])
def test_a_container_that_restarts_finds_its_volume_filled(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, *, killed: bool
) -> None:
    """The destination is a real mount, as an init container sees it, filled or killed half way."""
    volume = desk / "bert"
    volume.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"tmpfs", os.fsencode(volume), b"tmpfs", 0, b"size=8m") == 0
    try:
        if killed:
            hub.faults["storage"] = Fault(FaultKind.SLOW, times=1, seconds=5)
            with _start(desk, hub) as running:
                end = time.monotonic() + 50
                while not hub.asked("storage") and time.monotonic() < end:
                    time.sleep(0.05)
                running.kill()
        else:
            assert pull(run_cli, desk).code == 0
        identity = document(pull(run_cli, desk, "-f", "json"))["identity"]
        asked = len(hub.asked("file"))
        again = document(pull(run_cli, desk, "-f", "json"))
        assert (again["placed"], again["identity"]) == (True, identity)
        assert len(hub.asked("file")) == asked, "nothing was fetched again"
        assert identify(volume).identity == identity
        assert not [path.name for path in volume.iterdir() if "weightmark" in path.name]
    finally:
        libc.umount2(os.fsencode(volume), 2)


# --- one identity ---------------------------------------------------------------------------------


def _git(*words: str, cwd: Path) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_pull_a_download_a_cache_snapshot_and_a_clone_have_one_identity(
    hub: Hub, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    """The revision is a real git commit, the downloads are by the hub's own client."""
    work = tmp_path / "work"
    work.mkdir()
    for name, data in {
        "config.json": b"{}",
        "sub/words.txt": b"a\n",
        ".gitattributes": b"\n",
    }.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(data)
    _git("init", "-q", "-b", "main", cwd=work)
    _git("add", ".", cwd=work)
    _git("commit", "-q", "-m", "x", cwd=work)
    commit = _git("rev-parse", "HEAD", cwd=work)
    files = {path: data for path, data in tree(work).items() if not path.startswith(".git/")}
    repository = hub.add("models", "acme/real", files)
    repository.commit(files, name=commit)
    _git("clone", "-q", str(work), "clone", cwd=tmp_path)
    local = download(hub, "acme/real", tmp_path / "local", local=True)
    cached = download(hub, "acme/real", tmp_path / "cache", local=False)
    words = ("--to", "real", "--policy", "audit", "-f", "json")
    said = document(run_cli("pull", repository.uri, *words, cwd=desk))
    assert said["digest"] == f"gitCommit:{commit}"
    assert cached.name == commit
    assert (local / ".cache" / "huggingface").is_dir()
    assert {identify(one).identity for one in (tmp_path / "clone", local, cached)} == {
        said["identity"]
    }


def test_a_dataset_by_the_hubs_own_client_has_the_identity_of_its_pull(
    hub: Hub, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    rows: dict[str, Content] = {"data/train.csv": Lfs(b"a,b\n" * 1000), "README.md": b"# rows\n"}
    repository = hub.add("datasets", "acme/rows", rows)
    local = download(hub, "acme/rows", tmp_path / "local", kind="dataset", local=True)
    words = ("--to", "rows", "--policy", "audit", "-f", "json")
    said = document(run_cli("pull", repository.uri, *words, cwd=desk))
    assert said["kind"] == "dataset"
    assert said["identity"] == identify(local).identity


# --- a second time --------------------------------------------------------------------------------


def test_a_restarted_pull_finds_what_it_placed_and_judges_it_there(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk).code == 0
    asked, inode = len(hub.asked("file")), (desk / "bert").stat().st_ino
    ran = pull(run_cli, desk, "-f", "json")
    assert (ran.code, document(ran)["placed"]) == (0, True), ran.stderr
    assert (len(hub.asked("file")), (desk / "bert").stat().st_ino) == (asked, inode)


def test_what_a_restarted_pull_finds_is_judged_and_not_believed(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk).code == 0
    assert run_cli("key", "generate", "-o", "stranger.key", cwd=desk).code == 0
    words = ("--to", "bert", "--policy", "baseline", "--key", "stranger.pub")
    assert run_cli("pull", repository.uri, *words, cwd=desk).code == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda to: (to / "config.json").write_bytes(b"[]"),
        lambda to: (to / "model.safetensors").write_bytes(
            bytes((to / "model.safetensors").stat().st_size)
        ),
        lambda to: (to / "extra.py").write_bytes(b""),
        lambda to: (to / "config.json").unlink(),
        lambda to: (
            (to / "config.json").rename(to.parent / "c")
            or (to / "config.json").symlink_to(to.parent / "c")
        ),
        lambda to: (to / "model.sig").unlink(),
        lambda to: (to / "model.sig").write_bytes(b"{}"),
        lambda to: (to / "model.receipt").write_bytes(b"{}"),
        lambda to: (to / ".git").mkdir() or (to / ".git" / "config").write_bytes(b""),
    ],
)
def test_anything_else_than_what_the_address_pins_is_no_restart(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, change: Callable[[Path], object]
) -> None:
    assert pull(run_cli, desk).code == 0
    change(desk / "bert")
    ran = pull(run_cli, desk)
    assert ran.code == 2, ran.stdout
    assert "not empty" in ran.stderr


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "hf://bob:hunter2@acme/bert",
        "hf://acme/bert?x=hunter2",
        "s3://AKIA:hunter2@bucket/x",
        "s3://b/x\n?x=hunter2",
        "oci://bob:hunter2@localhost:1/a/b:v1",
        "https://bob:hunter2@host/x?tok=hunter2",
    ],
)
def test_a_secret_that_was_typed_into_an_address_is_not_printed(
    hub: Hub, desk: Path, run_cli: RunCli, uri: str
) -> None:
    ran = run_cli("pull", uri, "--to", "bert", "--policy", "audit", cwd=desk)
    assert ran.code == 2, ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


def test_an_endpoint_that_is_no_address_is_a_setting_to_mend(desk: Path, run_cli: RunCli) -> None:
    program = [sys.executable, "-m", "weightmark", "pull", "hf://acme/bert", "--to", "bert"]
    ran = subprocess.run(
        [*program, "--policy", "audit"],
        cwd=desk,
        env={**os.environ, "HF_ENDPOINT": "http://bob:hunter2@[::bad"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert "HF_ENDPOINT" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "spelled", ["hf://acme/bert", "hf://acme/bert@main", "hf://models/acme/bert@main"]
)
@pytest.mark.parametrize("prefix", ["", "weightmark+"])
def test_a_lock_is_followed_however_the_address_is_spelled(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli, *, spelled: str, prefix: str
) -> None:
    """Clusters write `weightmark+` before it."""
    rules = ("--policy", "baseline", "--key", "release.pub")
    assert run_cli("lock", "update", "hf://acme/bert", *rules, cwd=desk).code == 0
    uri = prefix + spelled
    ran = run_cli("pull", uri, "--to", "bert", "--locked", *rules, cwd=desk)
    assert ran.code == 0, ran.stderr
    again = run_cli("lock", "update", uri, *rules, cwd=desk)
    assert "0 of 1 changed" in again.stdout
    assert len(LockFile.load(desk / "weightmark.lock").artifacts) == 1


def test_a_name_that_is_no_utf8_is_placed_and_replaced_like_any_other(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    to = os.fsdecode(b"t\xff")
    rules = ("--to", to, "--policy", "baseline", "--key", "release.pub", "--replace")
    assert run_cli("pull", "hf://acme/bert", *rules, cwd=desk).code == 0
    repository.commit({**repository.commits[repository.head], "notes.md": b"new"})
    audit = ("--to", to, "--policy", "audit", "--key", "release.pub", "--replace")
    ran = run_cli("pull", "hf://acme/bert", *audit, cwd=desk)
    assert ran.code == 0, ran.stderr
    assert (desk / to / "notes.md").exists()


@pytest.mark.parametrize("uri", [b"m\xff", b"mlflow:models:/\xff/1", b"hf://a/\xff"])
@pytest.mark.parametrize("command", [("pull", "--to", "to"), ("lock", "update")])
def test_an_address_that_is_no_utf8_is_a_wrong_call(
    desk: Path, run_cli: RunCli, uri: bytes, command: tuple[str, ...]
) -> None:
    (desk / os.fsdecode(b"m\xff")).mkdir()
    (desk / os.fsdecode(b"m\xff") / "config.json").write_bytes(b"{}")
    ran = run_cli(*command, os.fsdecode(uri), "--policy", "audit", cwd=desk)
    assert ran.code == 2
    assert "UTF-8" in ran.stderr


def test_what_is_refused_where_it_lies_is_said_to_lie_there_still(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk).code == 0
    assert run_cli("key", "generate", "-o", "stranger.key", cwd=desk).code == 0
    call = ("pull", repository.uri, "--to", "bert", "--policy", "baseline", "--key", "stranger.pub")
    ran = run_cli(*call, cwd=desk)
    assert ran.code == 1
    assert "it still lies at `bert`" in ran.stdout
    assert "nothing was placed" not in ran.stdout
    said = document(run_cli(*call, "-f", "json", cwd=desk))
    assert (said["placed"], said["present"]) == (False, True)
    again = document(pull(run_cli, desk, "-f", "json"))
    assert (again["placed"], again["present"]) == (True, True)


def test_what_may_be_replaced_and_did_not_change_is_not_fetched_again(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, desk, "--replace").code == 0
    before = len(hub.server.requests("file"))
    assert pull(run_cli, desk, "--replace").code == 0
    assert len(hub.server.requests("file")) == before


def test_a_missing_folder_is_made_and_one_in_another_missing_one_is_said_before_anybody_is_asked(
    hub: Hub, repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    rules = ("--policy", "baseline", "--key", "release.pub")
    refused = run_cli("pull", repository.uri, "--to", "a/b/bert", *rules, cwd=desk)
    assert refused.code == 2
    assert "mkdir -p" in refused.stderr
    assert not hub.server.seen
    assert run_cli("pull", repository.uri, "--to", "models/bert", *rules, cwd=desk).code == 0
    assert (desk / "models" / "bert" / "model.sig").exists()


def test_the_way_out_that_a_refusal_names_is_one(
    hub: Hub, repository: Repository, desk: Path, model: Path, run_cli: RunCli
) -> None:
    """Nothing lies at the destination that could be signed; the address can be approved."""
    sidecars = ("model.sig", "model.claims")
    repository.commit({name: data for name, data in tree(model).items() if name not in sidecars})
    ran = pull(run_cli, desk, "-f", "json")
    assert ran.code == 1
    fixes = " ".join(check["fix"] for check in document(ran)["checks"])
    pinned = f"hf://models/acme/bert@{repository.head}"
    assert f"weightmark attest {pinned} --out DIR --type approval" in fixes
    assert "weightmark sign" not in fixes
    words = ("--type", "approval", "--reason", "ours", "--expires", "2099-01-01")
    (desk / "claims").mkdir()
    approved = run_cli(
        "attest", pinned, "--out", "claims", *words, "--key", "release.key", cwd=desk
    )
    assert approved.code == 0, approved.stderr
    placed = pull(run_cli, desk, "--claims", "claims")
    assert placed.code == 0, placed.stdout
