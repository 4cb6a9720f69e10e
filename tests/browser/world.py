"""A small registry and its ledger: signed releases, a lineage, approvals, denials, revocations, and hostile names."""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from weightmark.__main__ import main

__all__ = ["HOSTILE", "ORIGIN", "World", "build_world"]

ORIGIN = "ledger.example/models"
HOSTILE = {
    "markup": '<img src=x onerror="window.__xss=1">',
    "script": "</script><script>window.__xss=2</script>",
    "attribute": "\" autofocus onfocus='window.__xss=3' x=\"",
    "address": "javascript:window.__xss=4",
    "template": "{{7*7}}${window.__xss=5}",
    "vector": "<svg><animate onbegin=window.__xss=6 attributeName=x dur=1s></svg>",
    "comment": "--><style>*{display:none}</style><!--",
    "direction": "safe\u202egpj.exe\u202c",
    "terminal": "\x1b[31mred\x1b]8;;http://attacker.example\x07",
    "formula": '=HYPERLINK("http://attacker.example","x")',
    "long": "x" * 4_000,
}
"""texts that someone may put into every field that takes text"""


@dataclass(frozen=True)
class World:
    """Where everything lies."""

    folder: Path
    """models, keys and the ledger"""
    identities: dict[str, str]
    """model to `wm1:<hex>`"""

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    @property
    def vkey(self) -> str:
        return (self.ledger / "log.vkey").read_text(encoding="utf-8").strip()

    def run(self, *words: str, code: int = 0, home: Path | None = None) -> str:
        """Run the command line in the world's folder; returns what it wrote to stdout.

        `home` is that of somebody else, who remembers other checkpoints.
        """
        written, said = io.BytesIO(), io.StringIO()
        out = io.TextIOWrapper(written, "utf-8")
        with (
            _at_home(self.folder, home or self.folder.with_name("home")),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(said),
        ):
            got = main(list(words))
        out.flush()
        text = written.getvalue().decode()
        assert got == code, (words[:3], got, text[-2000:], said.getvalue()[-2000:])
        return text


def build_world(folder: Path, *, hostile: bool = True) -> World:
    """Make everything anew in an empty folder; without `hostile`, nobody attacks."""
    world = World(folder, {})
    for name in ("release", "builder", "qa", "gate", "security", "outsider"):
        world.run("key", "generate", "-o", f"{name}.key", "-q")
    admitted = ["release", "builder:provenance", "qa", "gate:decision", "security:revoke"]
    who = [
        f"{name.partition(':')[0]}.pub:{name.partition(':')[2]}".rstrip(":") for name in admitted
    ]
    flags = [word for one in who for word in ("--admit", one)]
    world.run("ledger", "init", "ledger", "--origin", ORIGIN, *flags)
    _lineage(world)
    if hostile:
        _hostile(world)
    _decide(world)
    _revoke(world)
    return world


def _append(world: World, claims: str, key: str = "release") -> None:
    world.run("ledger", "append", claims, "--ledger", "ledger", "--key", f"{key}.key")


def _sign(world: World, name: str, files: dict[str, bytes], key: str = "release") -> None:
    for path, data in files.items():
        place = world.folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    world.run("sign", name, "--key", f"{key}.key")
    world.identities[name] = world.run("digest", name).split()[0]


def _tensors(*values: int) -> bytes:
    """A safetensors file with one tensor of bytes."""
    data = bytes(values)
    table = {"weight": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}
    header = json.dumps(table).encode()
    return len(header).to_bytes(8, "little") + header + data


def _lineage(world: World) -> None:
    """Make `tuned` from `base` and `corpus`, and `small` from `tuned`."""
    _sign(world, "base", {"model.safetensors": _tensors(1, 2, 3), "config.json": b"{}"})
    _sign(world, "corpus", {"rows.jsonl": b'{"text": "one"}\n{"text": "two"}\n'})
    steps = (
        ("finetune", ("base=base", "data=corpus"), "tuned"),
        ("quantize", ("model=tuned",), "small"),
    )
    for step, inputs, output in steps:
        named = [word for one in inputs for word in ("--input", one)]
        place = f"pathlib.Path('{output}')"
        make = f"import pathlib; {place}.mkdir(); ({place} / 'model.safetensors').write_bytes({_tensors(*output.encode())!r})"
        made = ("--output", output, "--key", "builder.key", "--builder", "https://ci.example/tune")
        world.run("record", "--step", step, *named, *made, "--", "python3", "-c", make)
        _sign(world, output, {})
    approval = ("--type", "approval", "--reason", "evaluated in June", "--expires", "2099-01-01")
    world.run("attest", "small", *approval, "--key", "qa.key")
    for name in ("base", "corpus", "tuned", "small"):
        _append(world, f"{name}/model.claims")


def _hostile(world: World) -> None:
    """Enter models whose names and files are attacks."""
    for kind, text in HOSTILE.items():
        name = f"hostile {kind}"
        _sign(world, name, {"weights.bin": kind.encode()})
        reason = ("--type", "approval", "--reason", text, "--expires", "2099-01-01")
        world.run("attest", name, *reason, "--key", "qa.key")
        _append(world, f"{name}/model.claims")
    files = {text.replace("/", "\u2215"): b"x" for kind, text in HOSTILE.items() if kind != "long"}
    _sign(
        world,
        "hostile findings",
        {"odd.pkl": b"\x80\x02c" + HOSTILE["markup"].encode() + b"\nClass\n."},
    )
    _append(world, "hostile findings/model.claims")
    spelled = HOSTILE["markup"]
    _sign(world, spelled, files)
    _append(world, f"{spelled}/model.claims")


def _decide(world: World) -> None:
    """Let the gate allow one model and deny others, with each decision in the ledger."""
    record = ("--ledger", "ledger", "--record", "--signing-key", "gate.key", "--policy", "baseline")
    world.run("gate", "small", "--key", "release.pub", *record)
    world.run("gate", "base", "--key", "outsider.pub", *record, code=1)
    if HOSTILE["markup"] in world.identities:
        world.run("gate", HOSTILE["markup"], "--key", "outsider.pub", *record, code=1)


def _revoke(world: World) -> None:
    """Revoke a model that others were made from, a hostile one, and a key."""
    sign = ("--ledger", "ledger", "--key", "security.key")
    world.run("revoke", world.identities["base"], "--reason", "poisoned data", *sign)
    for kind in ("markup", "script", "direction"):
        if named := world.identities.get(f"hostile {kind}"):
            world.run("revoke", named, "--reason", HOSTILE[kind], *sign)
    world.run("revoke", "outsider.pub", "--reason", "key was published", *sign)


@contextlib.contextmanager
def _at_home(folder: Path, home: Path) -> Iterator[None]:
    """Work in `folder` with nobody's settings."""
    home.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith(("WEIGHTMARK_", "XDG_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("COLUMNS", "80")
        patch.delenv("CI", raising=False)
        patch.chdir(folder)
        yield
