"""`pull s3://…` and locks of it, through the real client against a store on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_signed
from tests.cli.running import RunCli
from tests.sim.s3 import environment, running
from weightmark.provenance.identification import identify

RULES = ("--policy", "baseline", "--key", "release.pub")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a store with a signed model at `s3://models/bert`."""
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    with running() as endpoint:
        for name, value in environment(endpoint, tmp_path / "none").items():
            monkeypatch.setenv(name, value)
        from s3fs import S3FileSystem

        client = S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        client.mkdir("models")
        model = make_signed(tmp_path / "model")
        for path in model.rglob("*"):
            if path.is_file():
                client.pipe(f"models/bert/{path.relative_to(model).as_posix()}", path.read_bytes())
        yield client


def test_a_signed_model_is_placed_and_a_locked_one_stays(
    store: Any, tmp_path: Path, run_cli: RunCli
) -> None:
    done = run_cli("pull", "s3://models/bert", "--to", "to", *RULES, "--lock", "l", cwd=tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    assert identify(tmp_path / "to").identity == identify(tmp_path / "model").identity
    assert "a-secret-of-tests" not in done.stdout + done.stderr + (tmp_path / "l").read_text()
    locked = ("pull", "s3://models/bert", "--locked", "--lock", "l", *RULES)
    assert run_cli(*locked, "--to", "again", cwd=tmp_path).code == 0
    store.pipe("models/bert/more.bin", b"something else")
    done = run_cli(*locked, "--to", "third", cwd=tmp_path)
    assert done.code == 1
    assert not (tmp_path / "third").exists()


def test_what_was_changed_in_the_store_is_refused(
    store: Any, tmp_path: Path, run_cli: RunCli
) -> None:
    store.pipe("models/bert/model.safetensors", EVIL_PICKLE)
    done = run_cli("pull", "s3://models/bert", "--to", "to", *RULES, cwd=tmp_path)
    assert done.code == 1
    assert not (tmp_path / "to").exists()


def test_verify_reads_what_a_store_promises_no_digest_of(
    store: Any, tmp_path: Path, run_cli: RunCli
) -> None:
    words = ("verify", "s3://models/bert", "--key", "release.pub")
    assert run_cli(*words, cwd=tmp_path).code == 0
    data = bytearray(store.cat("models/bert/model.safetensors"))
    data[-2] ^= 1
    store.pipe("models/bert/model.safetensors", bytes(data))
    assert run_cli(*words, cwd=tmp_path).code == 1
