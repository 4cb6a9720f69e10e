"""Every JSON answer fits its published schema, and keeps the rules that no schema can say."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from tests.cli.published import SCHEMAS, fitting, published, validator
from tests.cli.running import Ran, RunCli
from weightmark.attestations.sigstore.packaged import STAGING, packaged_root
from weightmark.cli.app import walk

HONEST = b"\x80\x04}\x8c\x01a\x88s."
ARRAY = (
    b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n"
    + bytes(4)
)
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
_PAGE = Path(__file__).parents[2] / "docs" / "formats" / "json.md"
LEDGER = ("--ledger", "ledger")
KEY = ("--key", "release.key")
PUBLIC = ("--key", "release.pub")
AS_JSON = ("--as", "json")


@dataclass(frozen=True)
class Call:
    """One call of the command line in the house that the fixture builds, and how it must end."""

    words: str
    args: tuple[str, ...] = ()
    code: int = 0
    verdict: str = ""
    error: bool = False
    env: dict[str, str] = field(default_factory=dict)
    changes: bool = False
    form: tuple[str, ...] = ("-f", "json")

    @property
    def title(self) -> str:
        return "-".join([*self.words.split(), *self.args, str(self.code)]).replace("/", "_")

    @property
    def schema(self) -> str:
        return "error" if self.error else self.words.replace(" ", "-")

    def run(self, run_cli: RunCli, house: Path) -> Ran:
        args = [_claim_in(house) if one == "CLAIM" else one for one in self.args]
        return run_cli(*self.words.split(), *args, *self.form, cwd=house, env=self.env)


CALLS = [
    Call("digest", ("model", "model/weights.pkl")),
    Call("digest", ("model", "--sha256")),
    Call("digest", ("model/weights.pkl", "--sha256")),
    Call("digest", ("array.npy", "--tensors")),
    Call("digest", ("plain", "--tensors"), 3),
    Call("diff", ("array.npy", "array.npy"), 0, "identical"),
    Call("diff", ("model", "plain", "--exit-code"), 1, "different"),
    Call("diff", ("array.npy", "array.npy", "--weights-only"), 0, "identical"),
    Call("diff", ("plain", "array.npy", "--weights-only"), 3, "not-comparable"),
    Call("diff", ("model", "missing"), 2, error=True),
    Call("digest", ("missing",), 2, error=True),
    Call("digest", ("empty",), 3, error=True),
    Call("sign", ("plain", *KEY), 0, "signed", changes=True),
    Call("sign", ("plain/f", *KEY), 0, "signed", changes=True),
    Call("sign", ("plain", *KEY, "--no-scan", "--out", "out"), 0, "signed", changes=True),
    Call("sign", ("evil", *KEY), 1, error=True),
    Call("sign", ("plain",), 2, error=True),
    Call("attest", ("model", "--type", "approval", "--reason", "ok", *KEY), 0, "signed", changes=True),
    Call("attest", ("model", "--type", "approval", *KEY), 2, error=True),
    Call("verify", ("model", *PUBLIC), 0, "verified"),
    Call("verify", ("model", *PUBLIC, "--digests", "both"), 0, "verified"),
    Call("verify", ("tampered", *PUBLIC), 1, "refused"),
    Call("verify", ("model", "--key", "stranger.pub"), 1, "refused"),
    Call("verify", ("mixed", *PUBLIC), 1, "refused"),
    Call("verify", ("broken", *PUBLIC), 1, "refused"),
    Call("verify", ("plain", *PUBLIC), 3, error=True),
    Call("verify", ("model",), 2, error=True),
    Call("verify", ("model", "--key", "missing.pub"), 2, error=True),
    Call("scan", ("model",), 0, "clean"),
    Call("scan", ("model", "evil"), 1, "unsafe"),
    Call("scan", ("evil", "--exit-zero"), 0, "unsafe"),
    Call("scan", ("evil", "missing"), 2, "wrong-call"),
    Call("scan", ("plain",), 3, "nothing-checked"),
    Call("scan", ("cut",), 4, "unchecked"),
    Call("convert", ("array.npy", "new.safetensors"), 0, "converted", changes=True),
    Call("convert", ("evil/m.bin", "new.safetensors"), 1, error=True),
    Call("convert", ("missing", "new.safetensors"), 2, error=True),
    Call("chain", ("model", *PUBLIC), 0, "complete"),
    Call("chain", ("model", *PUBLIC, "--draw", "dot"), 0),
    Call("chain", ("model",), 2, error=True),
    Call("inspect", ("model/model.sig",)),
    Call("inspect", ("mixed/model.claims",)),
    Call("inspect", ("model/model.receipt",)),
    Call("inspect", ("strange.receipt",)),
    Call("inspect", ("strange.sig",)),
    Call("inspect", ("plain/f",), 2, error=True),
    Call("inspect", ("release.pub",), 2, error=True),
    Call("inspect", ("model",), 2, error=True),
    Call("gate", ("model", "--policy", "baseline", *PUBLIC), 0, "allow"),
    Call("gate", ("model", "--policy", "baseline", *PUBLIC, *LEDGER), 0, "allow"),
    Call("gate", ("model", "--policy", "baseline", *PUBLIC, *LEDGER, "--record", "--vsa", "v",
                  "--signing-key", "release.key"), 0, "allow", changes=True),
    Call("gate", ("model", "plain", "--policy", "baseline", *PUBLIC), 1, "deny"),
    Call("gate", ("--replay", "kept"), 0, "reproduced"),
    Call("gate", ("--replay", "kept.vsa", *PUBLIC), 0, "reproduced"),
    Call("gate", ("--replay", "kept", *PUBLIC), 4, error=True),
    Call("gate", ("model", "--replay", "kept"), 2, error=True),
    Call("gate", ("model",), 2, error=True),
    Call("gate", ("evil", "--policy", "strict", *PUBLIC), 1, "deny"),
    Call("gate", ("evil", "--policy", "audit", *PUBLIC), 0, "would-deny"),
    Call("gate", ("empty", "--policy", "baseline", *PUBLIC), 3, "nothing-to-check"),
    Call("gate", ("broken", "--policy", "baseline", *PUBLIC), 1, "deny"),
    Call("gate", ("mixed", "--policy", "baseline", *PUBLIC), 1, "deny"),
    Call("gate", ("model", "--policy", "basline", *PUBLIC), 2, error=True),
    Call("pull", ("model", "--to", "pulled", "--policy", "baseline", *PUBLIC), 0, "allow", changes=True),
    Call("pull", ("evil", "--to", "pulled", "--policy", "strict", *PUBLIC), 1, "deny"),
    Call("pull", ("model", "--to", "plain", "--policy", "baseline", *PUBLIC), 2, error=True),
    Call("pull", ("hf://acme/bert", "--to", "pulled", "--policy", "audit", "--offline"), 4, error=True),
    Call("lock update", ("model", "--policy", "baseline", *PUBLIC), 0, "updated", changes=True),
    Call("lock update", ("evil", "--policy", "strict", *PUBLIC), 1, "refused", changes=True),
    Call("lock diff", ("--lock", "house.lock"), 0, "same"),
    Call("lock diff", ("--lock", "missing.lock"), 2, error=True),
    Call("lock verify", ("model", "--lock", "house.lock"), 0, "verified"),
    Call("lock verify", ("plain", "--lock", "house.lock"), 1, "refused"),
    Call("lock verify", ("--lock", "house.lock"), 2, error=True),
    Call("lock sign", ("--lock", "house.lock", *KEY), 0, "signed", changes=True),
    Call("lock sign", ("--lock", "missing.lock", *KEY), 2, error=True),
    Call("exec", ("evil", "true", "--policy", "strict", *PUBLIC), 1, "deny"),
    Call("exec", ("empty", "true", "--policy", "baseline", *PUBLIC), 3, "nothing-to-check"),
    Call("exec", ("model", "no-such-program", "--policy", "baseline", *PUBLIC), 2, error=True),
    Call("push", ("model", "host/model:v1"), 2, error=True),
    Call("push", ("model", "oci://host/model:v1", "--offline"), 4, error=True),
    Call("verify", ("oci://host/model:v1", "--offline", *PUBLIC), 4, error=True),
    Call("policy init", ("-o", "new.toml", *PUBLIC), changes=True),
    Call("policy init", ("model", "-o", "new.toml", *PUBLIC), changes=True),
    Call("policy init", ("-o", "policy.toml", *PUBLIC), 2, error=True),
    Call("policy check", ("policy.toml",), 0, "valid"),
    Call("policy check", ("bad.toml",), 2, error=True),
    Call("policy check", ("policy.toml", *PUBLIC), 3, "unchecked"),
    Call("policy test", ("cases", "--policy", "policy.toml"), 0, "passed"),
    Call("policy test", ("wrong-cases", "--policy", "policy.toml"), 1, "failed"),
    Call("policy test", ("empty", "--policy", "policy.toml"), 3, error=True),
    Call("policy what-if", ("policy.toml", "--ledger", "decided"), 0, "unchanged"),
    Call("policy what-if", ("policy.toml", *LEDGER), 3, error=True),
    Call("policy sign", ("signed.toml", *KEY), changes=True),
    Call("policy sign", ("policy.toml", *KEY), 2, error=True),
    Call("policy explain", ("strict",)),
    Call("policy explain", ("./policy.toml",)),
    Call("key generate", ("-o", "new.key"), changes=True),
    Call("key generate", ("-o", "release.key"), 2, error=True),
    Call("key show", ("release.key",)),
    Call("key show", ("release.pub",)),
    Call("key show", ("plain/f",), 4, error=True),
    Call("key rotate", ("release.key", "stranger.key", "-o", "new.rotation"), changes=True),
    Call("key rotate", ("release.key", "release.key", "-o", "new.rotation"), 2, error=True),
    Call("key list", (".",)),
    Call("key list", ("plain",), 3, error=True),
    Call("trust add", ("./trust.toml", *PUBLIC), changes=True),
    Call("trust add", ("./trust.toml",), 2, error=True),
    Call("trust revoke", ("./trusted.toml", "release"), changes=True),
    Call("trust revoke", ("./trusted.toml", "nobody"), 2, error=True),
    Call("trust pin", ("./trust.toml", "root.json"), changes=True),
    Call("trust pin", ("./trust.toml", "plain/f"), 4, error=True),
    Call("trust show", ("public-good",)),
    Call("trust show", ("root.json",)),
    Call("trust show", ("./missing.toml",), 2, error=True),
    Call("trust update", ("--offline",), 4, error=True),
    Call("ledger init", ("new", "--admit", "release.pub"), changes=True),
    Call("ledger init", ("ledger",), 2, error=True),
    Call("ledger append", ("model/model.claims", *LEDGER, *KEY), changes=True),
    Call("ledger append", ("model/model.claims", *LEDGER, "--key", "stranger.key"), 1, error=True),
    Call("ledger list", LEDGER),
    Call("ledger list", (*LEDGER, "--kind", "deploy")),
    Call("ledger list", ("--ledger", "missing"), 2, error=True),
    Call("ledger search", LEDGER),
    Call("ledger search", ("weights.pkl", "--kind", "release", *LEDGER)),
    Call("ledger search", ("--artifact", "model", "--signer", "release.pub", *LEDGER)),
    Call("ledger search", ("--signer", "me@example.com@https://id.example.com", *LEDGER), 2, error=True),
    Call("ledger admit", ("stranger.pub:release", *LEDGER, "--owner-key", "ledger/recovery.key"),
         changes=True),
    Call("ledger admit", ("stranger.pub", *LEDGER, "--proposal", "change"), changes=True),
    Call("ledger admit", ("stranger.pub", *LEDGER), 2, error=True),
    Call("ledger rotate", (*LEDGER, "--recovery-key", "ledger/recovery.key"), changes=True),
    Call("ledger rotate", (*LEDGER, "--finish"), 1, error=True),
    Call("ledger monitor", LEDGER, 0, "quiet", changes=True),
    Call("ledger monitor", (*LEDGER, "--mine", "wm1:" + "a" * 64, "--signer", "release.pub"), 1,
         "alert", changes=True),
    Call("ledger export", (*LEDGER, "-o", "entries"), changes=True),
    Call("ledger export", (*LEDGER, "--as", "bundle", "-o", "entries.tar"), changes=True),
    Call("ledger export", (*LEDGER, "--html", "pages"), changes=True),
    Call("ledger export", LEDGER, 2, error=True),
    Call("ledger redact", ("sha256:" + "a" * 64, "--reason", "asked", *LEDGER), 2, error=True),
    Call("ledger redact", ("CLAIM", "--reason", "asked", *LEDGER), changes=True),
    Call("ledger anchor", ("missing", "--check", *PUBLIC, *LEDGER), 2, error=True),
    Call("revoke", ("wm1:" + "a" * 64, "--reason", "poisoned", *LEDGER, *KEY), changes=True),
    Call("revoke", ("release.pub", "--reason", "lost", *LEDGER, *KEY), changes=True),
    Call("revoke", ("wm1:" + "a" * 64, *LEDGER, *KEY), 2, error=True),
    Call("revoke", ("nothing", "--reason", "x", *LEDGER, *KEY), 2, error=True),
    Call("impact", ("wm1:" + "a" * 64, *LEDGER)),
    Call("impact", ("wm1:" + "a" * 64, "--draw", "dot", *LEDGER)),
    Call("impact", ("nothing", *LEDGER), 2, error=True),
    Call("report", ("model", "--format", "annex-iv", *PUBLIC), form=AS_JSON),
    Call("report", ("model", "--format", "nist-rmf", *PUBLIC, *LEDGER), form=AS_JSON),
    Call("report", ("plain", "--format", "g7-sbom-ai"), form=AS_JSON),
    Call("report", ("tampered", "--format", "ssdf", *PUBLIC), 1, form=AS_JSON),
    Call("report", ("--format", "zero-trust", *LEDGER), form=AS_JSON),
    Call("report", ("model", "--format", "incident", *LEDGER), form=AS_JSON),
    Call("report", ("wm1:" + "a" * 64, "--format", "incident", *LEDGER), 3, form=AS_JSON),
    Call("report", ("model", "--format", "annex-iv"), 2, error=True, form=AS_JSON),
    Call("report", ("--format", "annex-iv", *LEDGER), 2, error=True, form=AS_JSON),
    Call("report", ("empty", "--format", "annex-iv"), 3, error=True, form=AS_JSON),
    Call("ledger show", ("0", *LEDGER)),
    Call("ledger show", ("1", *LEDGER)),
    Call("ledger show", ("99", *LEDGER), 2, error=True),
    Call("ledger prove", ("1", *LEDGER)),
    Call("ledger verify", LEDGER, 0, "verified"),
    Call("ledger verify", ("--ledger", "damaged"), 1, "refused"),
    Call("ledger verify", ("--receipt", "model/model.receipt", *LEDGER, "model"), 0, "verified"),
    Call("ledger verify", ("--receipt", "model/model.receipt", *LEDGER, "plain"), 1, "refused"),
    Call("ledger verify", ("--receipt", "model/model.receipt"), 2, error=True),
    Call("ledger publish", ("view", *LEDGER), changes=True),
    Call("ledger publish", ("gopher://example.com", *LEDGER), 4, error=True),
    Call("ledger migrate", ("ledger", "moved"), changes=True),
    Call("ledger migrate", ("ledger", "model"), 2, error=True),
    Call("ledger reindex", LEDGER, changes=True),
    Call("ledger backup", ("copy", *LEDGER), changes=True),
    Call("ledger backup", ("model", *LEDGER), 2, error=True),
    Call(
        "ledger restore",
        ("backup", "restored", "--log-key", "ledger/log.key", "--nothing-newer"),
        changes=True,
    ),
    Call("ledger restore", ("ledger", "restored"), 2, error=True),
    Call("ledger witness init", ("new", "--name", "w.example/new"), changes=True),
    Call("ledger witness init", ("witness", "--name", "w.example/new"), 2, error=True),
    Call("ledger witness cosign", ("witness", "ledger", "--log-key", "ledger/log.vkey"), changes=True),
    Call("ledger witness cosign", ("witness", "ledger"), 2, error=True),
    Call("ledger witness collect", ("witnesses", *LEDGER), 4, "unwitnessed"),
    Call("ledger witness check", ("witnesses", *LEDGER), 0, "witnessed"),
    Call("ledger witness check", ("witnesses", "--ledger", "damaged"), 4, "unwitnessed"),
    Call("ledger witness prove", ("1", "witnesses", *LEDGER)),
    Call("ledger witness prove", ("99", "witnesses", *LEDGER), 2, error=True),
    Call("bom", ("model", *PUBLIC), 0, "incomplete"),
    Call("bom", ("array.npy",), 0, "incomplete"),
    Call("bom", ("plain", *PUBLIC), 0, "incomplete"),
    Call("bom", ("tampered", *PUBLIC), 1, error=True),
    Call("bom", ("tampered", *PUBLIC, "--allow-contradicted"), 0, "incomplete"),
    Call("bom", ("missing",), 2, error=True),
    Call("bom", ("empty",), 3, error=True),
    Call("bom diff", ("model", "model"), 0, "same"),
    Call("bom diff", ("model", "array.npy"), 0, "different"),
    Call("bom diff", ("model", "plain", "--exit-code"), 1, "different"),
    Call("bom diff", ("model", "missing"), 2, error=True),
    Call("inventory", ("model",), 0, "clean"),
    Call("inventory", ("model", *LEDGER), 0, "clean"),
    Call("inventory", ("evil",), 0, "at-risk"),
    Call("inventory", ("evil", "--exit-code"), 1, "at-risk"),
    Call("inventory", ("cut", "--exit-code"), 4, "incomplete"),
    Call("inventory", ("empty",), 3, "nothing-found"),
    Call("inventory", ("missing",), 2, error=True),
    Call("watch", ("model", "--once", "--policy", "baseline", *PUBLIC), 0, "checked", changes=True),
    Call("watch", ("tampered", "--once", "--policy", "baseline", *PUBLIC), 1, "refused", changes=True),
    Call("watch", ("evil", "--once", "--policy", "audit", *PUBLIC, "--on-drift", "false"), 4, "refused",
         changes=True),
    Call("watch", ("missing", "--once", "--policy", "baseline", *PUBLIC), 2, error=True),
    Call("watch", ("model", "--policy", "baseline", *PUBLIC), 2, error=True),
    Call("rules"),
    Call("explain", ("PKL001",)),
    Call("explain", ("tampered",)),
    Call("explain", ("manifest claim",)),
    Call("explain", ("nonsense",), 2, error=True),
    Call("layout verify", ("missing.layout", "--key", "release.pub"), 2, error=True),
    Call("explain", ("too-deep",)),
    Call("rules", ("PKL",)),
    Call("doctor", (), 0, "fit", changes=True),
    Call("doctor", (), 4, "unfit", env={"XDG_STATE_HOME": "/dev/null/x"}, changes=True),
]  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """A folder with everything that a call may meet: keys, models good and bad, policies, ledgers."""
    _put(tmp_path, "model/weights.pkl", HONEST)
    _put(tmp_path, "model/.git/HEAD", b"ref: refs/heads/main\n")
    _put(tmp_path, "plain/f", b"words\n")
    _put(tmp_path, "array.npy", ARRAY)
    _put(tmp_path, "evil/m.bin", EVIL)
    _put(tmp_path, "cut/m.bin", HONEST[:-1])
    _put(tmp_path, "bad.toml", b"version = 1\n[scan]\nfail_onn = 'low'\n")
    _put(tmp_path, "strange.receipt", b"c2sp.org/tlog-proof@v1\nextra bm90IGpzb24=\nindex 7\n\nx\n")
    _put(tmp_path, "root.json", packaged_root(STAGING))
    for name in ("empty", "out"):
        (tmp_path / name).mkdir()
    for args in (
        ("key", "generate", "-o", "release.key"),
        ("key", "generate", "-o", "stranger.key"),
        ("sign", "model", *KEY),
        ("lock", "update", "model", "--lock", "house.lock", "--policy", "baseline", *PUBLIC),
        ("policy", "init", "-o", "policy.toml", *PUBLIC),
        ("trust", "add", "./trusted.toml", *PUBLIC),
        ("ledger", "init", "ledger", "--admit", "release.pub", "--origin", "ledger.example/models"),
        ("ledger", "init", "damaged", "--admit", "release.pub"),
        ("ledger", "append", "model/model.claims", "--ledger", "damaged", *KEY),
        ("ledger", "append", "model/model.claims", *LEDGER, *KEY),
        ("ledger", "backup", "backup", *LEDGER),
        (
            "gate",
            "model",
            "--policy",
            "baseline",
            *PUBLIC,
            "--decision",
            "kept",
            "--vsa",
            "kept.vsa",
            "--signing-key",
            "release.key",
        ),
        ("ledger", "init", "decided", "--admit", "release.pub"),
        (
            "gate",
            "model",
            "--policy",
            "baseline",
            *PUBLIC,
            "--ledger",
            "decided",
            "--record",
            "--signing-key",
            "release.key",
        ),
    ):
        done = run_cli(*args, cwd=tmp_path)
        assert done.code == 0, done.stderr
    ends = b"revision = 1\nexpires = 2100-01-01\n" + (tmp_path / "policy.toml").read_bytes()
    _put(tmp_path, "signed.toml", ends)
    _put(tmp_path, "cases/good.toml", b"artifact = '../model'\nexpect = 'allow'\n")
    _put(tmp_path, "wrong-cases/evil.toml", b"artifact = '../evil'\nexpect = 'allow'\n")
    signature, claims = (tmp_path / "model" / f"model.{kind}" for kind in ("sig", "claims"))
    bundle = json.loads(signature.read_bytes())
    _put(tmp_path, "strange.sig", _restated(bundle, b"not a statement"))
    _put(tmp_path, "tampered/weights.pkl", HONEST.replace(b"a", b"b"))
    _put(tmp_path, "tampered/model.sig", signature.read_bytes())
    _put(tmp_path, "mixed/weights.pkl", HONEST)
    _put(tmp_path, "mixed/model.claims", claims.read_bytes() + b"{}\n" + _restated(bundle, b"{}"))
    _put(tmp_path, "broken/weights.pkl", HONEST)
    _put(tmp_path, "broken/model.sig", b"{")
    _put(tmp_path, "broken/model.receipt", b"words")
    _put(tmp_path, "broken/model.claims", claims.read_bytes() + b"{}\nwords\n")
    _witness(tmp_path, run_cli)
    blobs = [path for path in (tmp_path / "damaged" / "claims").rglob("*") if path.is_file()]
    next(one for one in blobs if one.read_bytes() in claims.read_bytes()).write_bytes(b"other")
    return tmp_path


def _witness(root: Path, run_cli: RunCli) -> None:
    """Make a witness that cosigned the ledger, and a policy that names it where nobody answers."""
    witness = ("ledger", "witness")
    done = run_cli(*witness, "init", "witness", "--name", "w.example/one", cwd=root)
    log = ("ledger", "--log-key", "ledger/log.vkey", "-o", "ledger/tiles/checkpoint")
    assert run_cli(*witness, "cosign", "witness", *log, cwd=root).code == 0
    _put(
        root,
        "witnesses",
        f"witness one {done.stdout.strip()} http://127.0.0.1:1\nquorum one\n".encode(),
    )


def _claim_in(house: Path) -> str:
    """Return a claim that the ledger stores, by its digest."""
    claims = (house / "model" / "model.claims").read_bytes().splitlines()
    return f"sha256:{hashlib.sha256(claims[0]).hexdigest()}"


def _put(root: Path, name: str, content: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _restated(bundle: dict[str, Any], payload: bytes) -> bytes:
    """Return a bundle whose payload was replaced; its signature is no longer good."""
    import base64

    envelope = {**bundle["dsseEnvelope"], "payload": base64.b64encode(payload).decode()}
    return json.dumps({**bundle, "dsseEnvelope": envelope}).encode()


def json_commands() -> set[str]:
    """Return the words of every command that has `-f json`, from the map of commands."""
    found = set()
    for words, command in walk():
        named = {param.name: param.type for param in command.params}
        forms = named.get("format", named.get("form"))
        assert isinstance(forms, click.Choice)
        if "json" in forms.choices:
            found.add(words)
    return found


def test_every_command_with_json_has_a_schema_and_every_schema_a_command() -> None:
    names = {words.replace(" ", "-") for words in json_commands()}
    assert set(published()) == names | {"envelope", "error"}


def test_every_command_with_json_is_called_here() -> None:
    called = {call.words for call in CALLS if not call.error}
    asked_elsewhere = {"trust update", "ledger anchor", "layout verify", "push"}
    assert called | asked_elsewhere == json_commands(), "asked in tests of their own"


@pytest.mark.parametrize("name", sorted(published()))
def test_a_schema_is_sound_and_named_as_its_file(name: str) -> None:
    schema = published()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:weightmark:{name}:v1"
    assert schema["title"]
    text = (SCHEMAS / f"{name}.schema.json").read_text()
    for reference in re.findall(r'"\$ref": "(urn:[^"#]*)', text):
        assert reference == "urn:weightmark:envelope:v1"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
def test_every_answer_fits_its_schema(call: Call, house: Path, run_cli: RunCli) -> None:
    ran = call.run(run_cli, house)
    assert ran.code == call.code, ran.stderr
    document = fitting(ran.stdout, call.schema)
    assert document["exit"] == ran.code
    if not call.error:
        assert document["verdict"] == call.verdict
        names = [check["name"] for check in document["checks"]]
        assert len(set(names)) == len(names)
        _check_rules(document, house)


@pytest.mark.parametrize(
    "call", [call for call in CALLS if not call.changes], ids=lambda call: call.title
)
def test_the_same_call_twice_gives_the_same_bytes(call: Call, house: Path, run_cli: RunCli) -> None:
    first, second = (
        re.sub(r'"decided_at": "[^"]*"', "", call.run(run_cli, house).stdout) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    "call",
    {call.schema: call for call in reversed(CALLS)}.values(),
    ids=lambda call: call.schema,
)
def test_a_schema_refuses_whatever_lacks_a_member_or_has_one_more(
    call: Call, house: Path, run_cli: RunCli
) -> None:
    document = fitting(call.run(run_cli, house).stdout)
    check = validator(call.schema)
    for damaged in _damaged(document):
        assert not check.is_valid(damaged)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (("verify", "model", *PUBLIC), {"identity": "ab" * 32}),
        (("verify", "model", *PUBLIC), {"identity": None}),
        (("verify", "model", *PUBLIC), {"signers": []}),
        (("verify", "model", *PUBLIC), {"exit": 1}),
        (("verify", "model", *PUBLIC), {"verdict": "fine"}),
        (("gate", "evil", "--policy", "baseline", *PUBLIC), {"exit": 0}),
        (("gate", "model", "--policy", "baseline", *PUBLIC), {"decided_at": "2026-11-21 12:00:00"}),
        (("ledger", "show", "1", *LEDGER), {"claim_id": "ab" * 32}),
        (("ledger", "show", "1", *LEDGER), {"at": "2026-11-21T12:00:00+01:00"}),
        (("ledger", "show", "1", *LEDGER), {"subject": ""}),
        (("ledger", "verify", *LEDGER), {"checked": "receipt"}),
        (("key", "show", "release.pub"), {"fingerprint": "ab" * 32}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_schema_refuses_a_value_that_breaks_a_rule(
    house: Path, run_cli: RunCli, words: tuple[str, ...], change: dict[str, Any]
) -> None:
    document = fitting(run_cli(*words, "-f", "json", cwd=house).stdout)
    name = document["schema"].split("/")[1]
    assert not validator(name).is_valid(document | change)


def test_the_page_about_json_names_every_member_and_verdict() -> None:
    sections = dict(
        re.findall(r"^### (.+?)\n(.*?)(?=^##)", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    )
    assert sections.keys() == json_commands()
    for words, text in sections.items():
        schema = published()[words.replace(" ", "-")]
        named = set(re.findall(r"`([a-z0-9_-]*)(?:\[\])?`", text))
        verdicts = schema["properties"]["verdict"]
        assert named >= set(verdicts.get("enum", [verdicts.get("const")])) - {""}
        if "The members of `sign`" not in text:
            assert named >= set(schema["required"])


def test_the_example_on_the_page_about_json_fits_its_schema() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    assert fitting(example)["schema"] == "weightmark/verify/v1"


def test_a_receipt_that_holds_no_event_is_shown_with_the_reason(
    house: Path, run_cli: RunCli
) -> None:
    (entry,) = fitting(
        run_cli("inspect", "strange.receipt", "-f", "json", cwd=house).stdout, "inspect"
    )["entries"]
    assert (entry["index"], entry["event"]) == (7, None)
    assert entry["error"]["code"] == "malformed"


def test_an_event_looks_the_same_wherever_it_is_shown(house: Path, run_cli: RunCli) -> None:
    def answer(*args: str) -> dict[str, Any]:
        return fitting(run_cli(*args, "-f", "json", cwd=house).stdout)

    (inspected,) = answer("inspect", "model/model.receipt")["entries"]
    event = inspected["event"]
    listed = answer("ledger", "list", *LEDGER)["entries"][1]
    checked = answer("ledger", "verify", "--receipt", "model/model.receipt", *LEDGER)["event"]
    stated = listed.pop("predicate_type")
    assert stated.endswith("/manifest/v1")
    assert listed == {"index": 1, **event}
    assert checked == event
    for command in ("show", "prove"):
        assert answer("ledger", command, "1", *LEDGER).items() >= event.items()


def test_paths_are_as_they_were_given(house: Path, run_cli: RunCli) -> None:
    for given, sidecar in {
        "plain": "plain/model.sig",
        "./plain": "plain/model.sig",
        "plain/f": "plain/f.sig",
        str(house / "plain"): f"{house}/plain/model.sig",
    }.items():
        ran = run_cli("sign", given, *KEY, "--replace", "-f", "json", cwd=house)
        document = fitting(ran.stdout, "sign")
        assert (document["path"], document["written"][0]) == (given, sidecar)
    ran = run_cli(
        "sign", ".", "--key", "../release.key", "-f", "json", cwd=house / "empty/../plain"
    )
    assert fitting(ran.stdout)["written"] == ["model.sig", "model.claims"]


_VERBATIM = {"predicate", "key_hint", "event_id", "receipt", "pem"}
"""members that repeat what somebody else wrote"""


def _check_rules(document: dict[str, Any], house: Path) -> None:
    for name, value in _strings(document):
        assert not re.fullmatch(r"[0-9a-f]{40,128}", value), f"{name}: a digest without its kind"
        assert str(house) not in value, f"{name}: a path that the caller did not give"
        assert not re.search(r"\d{4}-\d\d-\d\d \d\d:|\d\d:\d\d:\d\d[+-]", value), name


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _VERBATIM:
                yield from _strings(item, key)


def _damaged(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the document without each of its members, and with one that is not published."""
    for name in document:
        yield {key: value for key, value in document.items() if key != name}
    yield {**document, "unpublished": 1}
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield {**document, name: [{**value[0], "unpublished": 1}, *value[1:]]}
            yield {**document, name: [dict(list(value[0].items())[1:]), *value[1:]]}
