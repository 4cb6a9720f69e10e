"""`pull`, locks and `verify` of `gs://`, `https://` and `mlflow:`, each through its real client against a peer on loopback."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, make_signed
from tests.cli.running import RunCli
from tests.sim.gcs import Gcs
from tests.sim.mlflow import TrackingServer
from tests.sim.website import Website
from weightmark.provenance.identification import identify
from weightmark.provenance.sources.schemes import SCHEMES

RULES = ("--policy", "baseline", "--key", "release.pub")
AUDIT = ("--policy", "audit", "--key", "release.pub")


@dataclass(frozen=True)
class Published:
    """A signed model behind an address, and a way to change a file there."""

    uri: str
    folder: Path
    identity: str
    change: Callable[[str, bytes], object]


def files(model: Path) -> dict[str, bytes]:
    return {
        path.relative_to(model).as_posix(): path.read_bytes()
        for path in sorted(model.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(params=["gs", "https", "mlflow"])
def published(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    quiet_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Published]:
    model = make_signed(tmp_path / "model")
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    identity = identify(model).identity
    if request.param == "gs":
        with Gcs.running() as gcs:
            for name, value in gcs.environment.items():
                monkeypatch.setenv(name, value)
            for path, data in files(model).items():
                gcs.put(f"bert/{path}", data)
            change = lambda path, data: gcs.put(f"bert/{path}", data)  # noqa: E731 - one of three
            yield Published("gs://models/bert", tmp_path, identity, change)
    elif request.param == "https":
        with Website.running() as site:
            site.files |= {f"/bert/{path}": data for path, data in files(model).items()}
            site.sums("/bert/")

            def replace(path: str, data: bytes) -> None:
                site.files[f"/bert/{path}"] = data
                site.sums("/bert/")

            yield Published(f"{site.url}/bert/", tmp_path, identity, replace)
    else:
        with TrackingServer.running() as server:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
            root = server.register("bert", files(model))
            server.aliases["bert", "champion"] = "1"

            def overwrite(path: str, data: bytes) -> None:
                server.files[f"{root}/{path}"] = data

            yield Published("mlflow:models:/bert@champion", tmp_path, identity, overwrite)


def test_a_signed_model_is_placed_and_locked(published: Published, run_cli: RunCli) -> None:
    folder = published.folder
    done = run_cli(
        "pull", published.uri, "--to", "to", *RULES, "--lock", "l", "-f", "json", cwd=folder
    )
    assert done.code == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["identity"] == published.identity
    locked = ("pull", published.uri, "--locked", "--lock", "l", *RULES)
    assert run_cli(*locked, "--to", "again", cwd=folder).code == 0
    assert run_cli("lock", "verify", "to", "--lock", "l", cwd=folder).code == 0
    assert run_cli("lock", "diff", "--lock", "l", "--exit-code", cwd=folder).code == 0


def test_what_moved_does_not_come_by_the_lock_even_under_audit(
    published: Published, run_cli: RunCli
) -> None:
    folder = published.folder
    first = run_cli("pull", published.uri, "--to", "to", *RULES, "--lock", "l", cwd=folder)
    assert first.code == 0, first.stderr
    published.change("config.json", b"[]")
    done = run_cli(
        "pull", published.uri, "--locked", "--lock", "l", *AUDIT, "--to", "again", cwd=folder
    )
    assert done.code == 1, done.stdout + done.stderr
    assert not (folder / "again").exists()
    differing = run_cli("lock", "diff", "--lock", "l", "--exit-code", cwd=folder)
    assert differing.code in ({0, 1} if published.uri.startswith("mlflow") else {1})


def test_what_is_not_as_it_was_signed_is_refused(published: Published, run_cli: RunCli) -> None:
    published.change("config.json", b"[]")
    done = run_cli("pull", published.uri, "--to", "to", *RULES, cwd=published.folder)
    assert done.code == 1, done.stdout + done.stderr
    assert not (published.folder / "to").exists()


def test_a_file_that_nobody_signed_is_refused(published: Published, run_cli: RunCli) -> None:
    published.change("extra.py", b"import os\n")
    done = run_cli("pull", published.uri, "--to", "to", *RULES, cwd=published.folder)
    assert done.code == 1, done.stdout + done.stderr
    assert not (published.folder / "to").exists()


def test_no_network_means_none(published: Published, run_cli: RunCli) -> None:
    done = run_cli("pull", published.uri, "--to", "to", *RULES, "--offline", cwd=published.folder)
    assert done.code == 4
    assert "--offline" in done.stderr


def test_a_model_is_verified_without_being_placed(published: Published, run_cli: RunCli) -> None:
    """Small files are fetched where digests or sizes are not promised."""
    done = run_cli("verify", published.uri, "--key", "release.pub", cwd=published.folder)
    assert done.code == 0, done.stdout + done.stderr
    published.change("config.json", b"[]")
    again = run_cli("verify", published.uri, "--key", "release.pub", cwd=published.folder)
    assert again.code == 1


def test_a_web_folder_that_was_filled_is_not_fetched_again(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path
) -> None:
    """As a container that restarts."""
    model = make_signed(tmp_path / "model")
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    with Website.running() as site:
        site.files |= {f"/bert/{path}": data for path, data in files(model).items()}
        site.sums("/bert/")
        call = ("pull", f"{site.url}/bert/", "--to", "to", *RULES)
        assert run_cli(*call, cwd=tmp_path).code == 0
        before = len(site.server.requests("file"))
        assert run_cli(*call, cwd=tmp_path).code == 0
        asked = [one.path for one in site.server.requests("file")[before:]]
        assert asked == ["/bert/SHA256SUMS"]
        (tmp_path / "to" / "mine").write_bytes(b"x")
        assert run_cli(*call, cwd=tmp_path).code == 2


def test_one_web_file_with_a_claim_from_elsewhere_is_placed_as_a_folder(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path
) -> None:
    model = make_signed(tmp_path / "model")
    with Website.running() as site:
        site.files["/m/model.safetensors"] = (model / "model.safetensors").read_bytes()
        (tmp_path / "release.pub").write_bytes(KEY.public.pem)
        uri = f"{site.url}/m/model.safetensors"
        done = run_cli("pull", uri, "--to", "to", *AUDIT, cwd=tmp_path)
        assert done.code == 0, done.stdout
        assert [path.name for path in (tmp_path / "to").iterdir()] == ["model.safetensors"]
        wrong = run_cli("pull", f"{uri}#sha256={'0' * 64}", "--to", "x", *AUDIT, cwd=tmp_path)
        assert wrong.code == 1
        assert not (tmp_path / "x").exists()


def test_a_folder_of_unknown_sizes_is_verified_by_its_list_and_only_claims_are_fetched(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path
) -> None:
    model = make_signed(tmp_path / "model", big=bytes(64 * 1024 * 1024 + 1))
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    with Website.running() as site:
        site.files |= {f"/bert/{path}": data for path, data in files(model).items()}
        site.sums("/bert/")
        call = ("verify", f"{site.url}/bert/", "--key", "release.pub")
        ran = run_cli(*call, cwd=tmp_path)
        assert ran.code == 0, ran.stdout + ran.stderr
        asked = {one.path for one in site.server.requests("file")}
        assert asked == {"/bert/SHA256SUMS", "/bert/model.sig", "/bert/model.claims"}
        site.files["/bert/big"] = bytes(64 * 1024 * 1024) + b"!"
        site.sums("/bert/")
        assert run_cli(*call, cwd=tmp_path).code == 1


def test_what_is_large_and_promised_by_nothing_is_not_fetched_to_be_verified(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path
) -> None:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    with Website.running() as site:
        site.tags = False
        site.files["/model.bin"] = bytes(64 * 1024 * 1024 + 1)
        ran = run_cli("verify", f"{site.url}/model.bin", "--key", "release.pub", cwd=tmp_path)
        assert ran.code == 4
        assert "is over" in ran.stderr


def test_the_help_of_pull_names_every_kind_of_address(run_cli: RunCli) -> None:
    said = run_cli("pull", "--help").stdout
    for names in {scheme.names for scheme in SCHEMES.values()} - {("",)}:
        assert f"{names[0]}:" in said


QUERY = "X-Amz-Signature=secret-of-tests"


@pytest.mark.parametrize(
    "call",
    [
        ("pull", "--to", "a", *AUDIT),
        ("pull", "--to", "b", *AUDIT, "--locked"),
        ("pull", "--to", "c", *AUDIT, "--locked", "--lock", "empty.lock"),
        ("pull", "--to", "c", "--policy", "strict", "--key", "release.pub"),
        ("lock", "update", *AUDIT),
        ("lock", "update", "--policy", "strict", "--key", "release.pub"),
        ("lock", "diff"),
        ("lock", "diff", "--lock", "empty.lock"),
        ("verify", "--key", "release.pub"),
        ("verify", "--key", "release.pub", "--offline"),
        ("push", "model"),
        ("push", "model", "--offline"),
        ("inspect",),
        ("scan",),
        ("inventory",),
        ("gate", "--policy", "audit"),
        ("chain",),
        ("digest",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_query_of_a_presigned_address_is_written_down_nowhere(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path, call: tuple[str, ...], form: str
) -> None:
    model = make_signed(tmp_path / "model")
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "empty.lock").write_text("version = 1\n")
    with Website.running() as site:
        site.files["/m.json"] = (model / "config.json").read_bytes()
        plain = f"{site.url}/m.json"
        assert run_cli("lock", "update", plain, *AUDIT, cwd=tmp_path).code == 0
        ran = run_cli(*call, f"{plain}?{QUERY}", "-f", form, cwd=tmp_path)
    assert ran.code != 70
    assert "secret-of-tests" not in ran.stdout + ran.stderr
    for path in (*tmp_path.glob("*.lock"), *quiet_environment.rglob("*.json")):
        assert "secret-of-tests" not in path.read_text()


def test_a_presigned_address_is_locked_once_and_follows_its_lock(
    tmp_path: Path, run_cli: RunCli, quiet_environment: Path
) -> None:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    with Website.running() as site:
        site.files["/m.json"] = b"{}"
        uri = f"{site.url}/m.json?{QUERY}"
        for expected in ("1 of 1 changed", "0 of 1 changed"):
            ran = run_cli("lock", "update", uri, *AUDIT, cwd=tmp_path)
            assert expected in ran.stdout
        before = len(site.server.requests("file"))
        ran = run_cli("pull", uri, "--to", "to", "--locked", *AUDIT, cwd=tmp_path)
        assert ran.code == 0, ran.stderr
        asked = site.server.requests("file")[before:]
        assert asked
        assert all(one.query == {"X-Amz-Signature": "secret-of-tests"} for one in asked)
