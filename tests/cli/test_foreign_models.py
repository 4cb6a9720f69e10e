"""The usual model is foreign and unsigned: looked at on its hub, vouched for in one's own name, let through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_model
from tests.cli.running import RunCli
from tests.cli.test_pull import tree
from tests.sim.hub import Hub, Repository
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.statements import Statement
from weightmark.provenance.identification import identify

ADDRESS = "hf://acme/bert"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


@pytest.fixture
def repository(hub: Hub, model: Path) -> Repository:
    return hub.add("models", "acme/bert", tree(model))


@pytest.fixture
def desk(tmp_path: Path, quiet_environment: Path) -> Path:
    folder = tmp_path / "desk"
    (folder / "claims").mkdir(parents=True)
    (folder / "me.pub").write_bytes(KEY.public.pem)
    (folder / "me.key").write_bytes(KEY.to_pem(None))
    return folder


def test_an_unsigned_model_is_looked_at_vouched_for_and_pulled(
    repository: Repository, desk: Path, model: Path, run_cli: RunCli
) -> None:
    looked = run_cli("policy", "init", ADDRESS, cwd=desk)
    assert looked.code == 2
    assert f"weightmark attest hf://models/acme/bert@{repository.head} --out CLAIMS" in (
        looked.stderr
    )
    wrote = run_cli("policy", "init", ADDRESS, "--key", "me.pub", "-o", "p.toml", cwd=desk)
    assert wrote.code == 0, wrote.stderr
    pulling = ("pull", ADDRESS, "--to", "bert", "--policy", "./p.toml")
    denied = run_cli(*pulling, cwd=desk)
    assert denied.code == 1
    assert not (desk / "bert").exists()
    vouched = run_cli(
        *["attest", ADDRESS, "--type", "approval", "--reason", "looked at it"],
        *["--expires", "2099-01-31", "--key", "me.key", "--out", "claims"],
        cwd=desk,
    )
    assert vouched.code == 0, vouched.stderr
    assert repository.head in vouched.stderr + vouched.stdout
    (line,) = parse_claims((desk / "claims" / "model.claims").read_bytes())
    assert line.bundle is not None
    envelope = line.bundle.envelope
    (subject,) = Statement.parse(envelope.payload_type, envelope.payload).subjects
    assert subject.identity == identify(model).identity
    let_through = run_cli(*pulling, "--claims", "claims", cwd=desk)
    assert let_through.code == 0, let_through.stdout
    assert identify(desk / "bert").identity == identify(model).identity


def test_what_was_vouched_for_is_not_what_the_name_stands_for_later(
    hub: Hub, repository: Repository, desk: Path, model: Path, run_cli: RunCli
) -> None:
    run_cli("policy", "init", ADDRESS, "--key", "me.pub", "-o", "p.toml", cwd=desk)
    words = ["--type", "approval", "--reason", "r", "--expires", "2099-01-31"]
    assert (
        run_cli("attest", ADDRESS, *words, "--key", "me.key", "--out", "claims", cwd=desk).code == 0
    )
    (model / "more.bin").write_bytes(EVIL_PICKLE)
    hub.add("models", "acme/bert", tree(model))
    ran = run_cli(
        "pull", ADDRESS, "--to", "b", "--policy", "./p.toml", "--claims", "claims", cwd=desk
    )
    assert ran.code == 1
    assert not (desk / "b").exists()


def test_a_hub_that_serves_other_bytes_is_not_vouched_for(
    repository: Repository, desk: Path, run_cli: RunCli
) -> None:
    name, data = next(iter(repository.commits[repository.head].items()))
    repository.served[name] = b"x" * len(data if isinstance(data, bytes) else data.data)
    words = ["--type", "approval", "--reason", "r", "--expires", "2099-01-31"]
    ran = run_cli("attest", ADDRESS, *words, "--key", "me.key", "--out", "claims", cwd=desk)
    assert ran.code == 1
    assert list((desk / "claims").iterdir()) == []


def test_a_claim_about_an_address_needs_a_place(desk: Path, run_cli: RunCli) -> None:
    words = ["--type", "approval", "--reason", "r", "--expires", "2099-01-31"]
    ran = run_cli("attest", ADDRESS, *words, "--key", "me.key", cwd=desk)
    assert ran.code == 2
    assert "--out" in ran.stderr


def test_offline_nothing_is_fetched(desk: Path, run_cli: RunCli) -> None:
    words = ["--type", "approval", "--reason", "r", "--expires", "2099-01-31", "--out", "claims"]
    ran = run_cli("attest", ADDRESS, *words, "--key", "me.key", "--offline", cwd=desk)
    assert ran.code == 4
    assert run_cli("policy", "init", ADDRESS, "--offline", cwd=desk).code == 4
