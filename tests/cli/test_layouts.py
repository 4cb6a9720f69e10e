"""Classic in-toto by the real library: its links and layouts verified by us, our links by it, no command run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from in_toto import runlib, verifylib
from in_toto.models.layout import Inspection, Layout, Step
from in_toto.models.metadata import Envelope, Metablock
from securesystemslib.signer import CryptoSigner

from tests.cli.published import fitting
from tests.cli.running import RunCli
from weightmark.attestations.checks import Outcome
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.layouts.links import in_toto_key
from weightmark.attestations.layouts.verification import product_checks, verify_layout
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    RefusedError,
    TamperedError,
    WrongSignerError,
)

# the library's own use of `pathspec`
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")


class Party:
    """Somebody with a key of the library's own making."""

    def __init__(self, folder: Path, name: str) -> None:
        self.signer = CryptoSigner.generate_ecdsa()
        pem = self.signer.public_key.keyval["public"].encode()
        self.path = folder / f"{name}.pub"
        self.path.write_bytes(pem)
        self.public = PublicKey.from_pem(pem)
        self.key = in_toto_key(self.public)


@pytest.fixture
def owner(tmp_path: Path) -> Party:
    return Party(tmp_path, "owner")


@pytest.fixture
def builder(tmp_path: Path) -> Party:
    return Party(tmp_path, "builder")


def _layout(builder: Party, *, dsse: bool = False, **changes: Any) -> Any:
    step = Step(name="train")
    step.pubkeys = [builder.key["keyid"]]
    step.threshold = changes.pop("threshold", 1)
    step.expected_products = changes.pop("rules", [["CREATE", "out/*"], ["DISALLOW", "*"]])
    layout = Layout()
    layout.keys = {builder.key["keyid"]: builder.key}
    layout.steps = [step]
    layout.inspect = changes.pop("inspect", [])
    when = changes.pop("expires", datetime.now(UTC) + timedelta(days=1))
    layout.expires = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Envelope.from_signable(layout) if dsse else Metablock(signed=layout)


def _write(folder: Path, layout: Any, owner: Party) -> Path:
    layout.create_signature(owner.signer)
    path = folder / "root.layout"
    layout.dump(str(path))
    return path


@pytest.fixture
def run(tmp_path: Path, builder: Party, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A step as in-toto itself runs and signs it."""
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    command = ["python", "-c", "open('out/w','w').write('x'); open('out/c.pyc','w').write('y')"]
    link = runlib.in_toto_run("train", [], ["out"], command, signer=builder.signer, use_dsse=True)
    link.dump(f"train.{builder.key['keyid'][:8]}.link")
    return tmp_path


@pytest.mark.parametrize("dsse", [False, True])
def test_a_layout_of_the_library_is_verified(
    run: Path, owner: Party, builder: Party, dsse: bool
) -> None:
    path = _write(run, _layout(builder, dsse=dsse), owner)
    verified = verify_layout(path, [owner.public], run)
    assert [check.outcome for check in verified.checks] == [Outcome.PASS, Outcome.INFO]
    assert set(verified.products) == {"out/w"}


def test_a_file_that_the_library_leaves_out_silently_is_named(
    run: Path, owner: Party, builder: Party, run_cli: RunCli
) -> None:
    path = _write(run, _layout(builder), owner)
    args = ("layout", "verify", path.name, "out", "--key", str(owner.path))
    done = run_cli(*args, cwd=run)
    assert done.code == 1
    assert "c.pyc" in done.stdout
    (run / "out" / "c.pyc").unlink()
    assert run_cli(*args, cwd=run).code == 0
    (run / "out" / "w").write_text("evil")
    assert run_cli(*args, cwd=run).code == 1


def test_a_layout_without_steps_checks_nothing(
    run: Path, owner: Party, builder: Party, run_cli: RunCli
) -> None:
    layout = _layout(builder)
    layout.signed.steps = []
    path = _write(run, layout, owner)
    done = run_cli("layout", "verify", path.name, "--key", str(owner.path), cwd=run)
    assert done.code == 3
    assert "demands no step" in done.stderr + done.stdout


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_step_that_nobody_has_to_have_done_is_malformed(
    run: Path, owner: Party, builder: Party, threshold: int
) -> None:
    path = _write(run, _layout(builder, threshold=threshold), owner)
    with pytest.raises(MalformedError):
        verify_layout(path, [owner.public], run)


def test_an_inspection_is_never_run_and_never_called_good(
    run: Path, owner: Party, builder: Party
) -> None:
    inspection = Inspection(name="look")
    inspection.run = ["touch", str(run / "was-run")]
    path = _write(run, _layout(builder, inspect=[inspection]), owner)
    verified = verify_layout(path, [owner.public], run)
    assert [check.outcome for check in verified.checks] == [
        Outcome.PASS,
        Outcome.UNCHECKED,
        Outcome.INFO,
    ]
    assert not (run / "was-run").exists()


def test_an_inspection_of_a_sublayout_is_never_run_either(
    run: Path, owner: Party, builder: Party
) -> None:
    inspection = Inspection(name="look")
    inspection.run = ["touch", str(run / "was-run")]
    inner = _layout(builder, inspect=[inspection])
    inner.create_signature(builder.signer)
    short = builder.key["keyid"][:8]
    links = run / f"train.{short}"
    links.mkdir()
    (run / f"train.{short}.link").rename(links / f"train.{short}.link")
    inner.dump(str(run / f"train.{short}.link"))
    path = _write(run, _layout(builder, rules=[["ALLOW", "*"]]), owner)
    verified = verify_layout(path, [owner.public], run)
    assert Outcome.UNCHECKED in {check.outcome for check in verified.checks}
    assert not (run / "was-run").exists()


def test_another_owner_is_refused(run: Path, owner: Party, builder: Party) -> None:
    path = _write(run, _layout(builder), owner)
    with pytest.raises(WrongSignerError):
        verify_layout(path, [builder.public], run)


def test_an_expired_layout_is_refused(run: Path, owner: Party, builder: Party) -> None:
    path = _write(run, _layout(builder, expires=datetime(2020, 1, 1, tzinfo=UTC)), owner)
    with pytest.raises(ExpiredError):
        verify_layout(path, [owner.public], run)


def test_a_threshold_that_is_not_met_is_refused(run: Path, owner: Party, builder: Party) -> None:
    path = _write(run, _layout(builder, threshold=2), owner)
    with pytest.raises(RefusedError):
        verify_layout(path, [owner.public], run)


def test_a_rule_that_does_not_hold_is_refused(run: Path, owner: Party, builder: Party) -> None:
    path = _write(run, _layout(builder, rules=[["DISALLOW", "*"]]), owner)
    with pytest.raises(TamperedError):
        verify_layout(path, [owner.public], run)


def test_a_layout_with_doubled_keys_is_refused(run: Path, owner: Party, builder: Party) -> None:
    path = _write(run, _layout(builder), owner)
    path.write_text(path.read_text()[:-1] + ', "signatures": []}')
    with pytest.raises(MalformedError):
        verify_layout(path, [owner.public], run)


@pytest.mark.parametrize("text", ["[]", "{}", '{"signed": 7, "signatures": []}', "x"])
def test_what_is_no_layout_is_malformed(run: Path, owner: Party, text: str) -> None:
    path = run / "x.layout"
    path.write_text(text)
    with pytest.raises(MalformedError):
        verify_layout(path, [owner.public], run)


def test_products_are_compared_both_ways() -> None:
    assert [one.outcome for one in product_checks({"o/a": "1"}, {"a": "1"}, "o")] == [Outcome.PASS]
    for products, files in (({"o/a": "1"}, {"a": "2"}), ({"o/a": "1"}, {}), ({}, {"a": "1"})):
        assert product_checks(products, files, "o")[0].outcome is Outcome.FAIL


def test_the_library_verifies_our_link(
    tmp_path: Path, owner: Party, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "out"):
        Path(name).mkdir()
        Path(name, "w").write_text(name)
    assert run_cli("key", "generate", "-o", "b.key", cwd=tmp_path).code == 0
    args = ("--step", "train", "--input", "base=base", "--output", "out", "--key", "b.key")
    done = run_cli("record", *args, "--in-toto-link", ".", "--", "touch", "out/w", cwd=tmp_path)
    assert done.code == 0, done.stderr
    public = PublicKey.load(tmp_path / "b.pub")
    party = type("Built", (), {"key": in_toto_key(public)})()
    layout = _layout(party, rules=[["ALLOW", "out/*"], ["DISALLOW", "*"]])
    layout.create_signature(owner.signer)
    summary = verifylib.in_toto_verify(layout, {owner.key["keyid"]: owner.key}, str(tmp_path))
    assert set(summary.materials) == {"base/w"}
    assert set(summary.products) == {"out/w"}
    assert json.loads(next(tmp_path.glob("train.*.link")).read_text())["payloadType"]


def test_what_the_library_warns_of_is_part_of_the_answer_and_nothing_beside_it(
    run: Path, owner: Party, builder: Party, run_cli: RunCli
) -> None:
    path = _write(run, _layout(builder), owner)
    done = run_cli("layout", "verify", path.name, "--key", str(owner.path), cwd=run)
    assert done.code == 0
    assert not done.stderr
    assert "remarks" in done.stdout
    assert "the `in-toto` library says: Run command" in done.stdout
    assert "differs from expected command" in done.stdout
    assert "['" not in done.stdout


def test_a_layout_by_others_says_why_and_what_to_do(
    run: Path, owner: Party, builder: Party, run_cli: RunCli
) -> None:
    path = _write(run, _layout(builder), owner)
    done = run_cli("layout", "verify", path.name, "--key", str(builder.path), cwd=run)
    assert done.code == 1
    assert "why: " in done.stderr
    assert "hint: " in done.stderr


def test_the_answer_for_machines_fits_its_schema(
    run: Path, owner: Party, builder: Party, run_cli: RunCli
) -> None:
    path = _write(run, _layout(builder), owner)
    args = ("layout", "verify", path.name, "--key", str(owner.path), "-f", "json")
    assert fitting(run_cli(*args, cwd=run).stdout)["verdict"] == "verified"
