"""Ways to cheat the gate, each tried for real on a copy of everything, with the real commands.

Some are done from outside, most by somebody inside who holds one of the keys, or got hold of it.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stage import Stage

__all__ = ["CHEATS", "Cheat", "Outcome", "table", "try_all"]

GATE = "weightmark gate {} --policy ./policy.toml --ledger ledger"
CHAIN = "weightmark chain {} --key keys/builder.pub --key keys/curator.pub --with {}"
BUILDER = "--key keys/builder.key --builder https://acme.example/pipelines/alarms"
PACKAGED = "--input model=quantized --input report=report"
SIDECARS = ("model.sig", "model.claims", "model.receipt")
CODE = b"cos\nsystem\n(X\x09\x00\x00\x00echo cheattR."


@dataclass(frozen=True)
class Cheat:
    """One way to cheat."""

    name: str
    """what is done"""
    attempt: Callable[[Stage], str]
    """does it, and returns the command that has to refuse"""
    refused_by: str
    """the check, and its code where it has one, that has to"""
    exit: int = 1
    """exit code that refuses"""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    cheat: Cheat
    """what was tried"""
    exit: int
    """exit code of the command"""
    reasons: dict[str, str]
    """what did not pass: the check with its code, and what it said"""

    @property
    def as_promised(self) -> bool:
        """Whether the promised check refused."""
        return self.exit == self.cheat.exit and self.cheat.refused_by in self.reasons


def try_all(stage: Stage, cheats: Sequence[Cheat], *, keep: bool) -> list[Outcome]:
    """Try every cheat in a copy of its own, some at once."""
    copies = stage.folder / "cheats"
    copies.mkdir()
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        numbered = enumerate(cheats, start=1)
        tried = [pool.submit(_try, stage, cheat, copies / f"{n:02}") for n, cheat in numbered]
        found = [one.result() for one in tried]
    if not keep:
        shutil.rmtree(copies)
    return found


def table(found: Sequence[Outcome]) -> str:
    """Return what came of each, as a table of Markdown."""
    rows = ["| cheat | refused by | reason |", "|---|---|---|"]
    for one in found:
        shown = one.cheat.refused_by if one.as_promised else f"NOT REFUSED (exit {one.exit})"
        rows.append(f"| {one.cheat.name} | {shown} | {one.reasons.get(one.cheat.refused_by, '')} |")
    return "\n".join(rows)


def _try(stage: Stage, cheat: Cheat, folder: Path) -> Outcome:
    shutil.copytree(stage.folder, folder, ignore=shutil.ignore_patterns("cheats"))
    quiet = replace(stage, folder=folder, say=lambda _: None)
    code, answer = quiet.answer(cheat.attempt(quiet))
    return Outcome(cheat, code, _reasons(answer))


def _reasons(answer: dict[str, Any]) -> dict[str, str]:
    if answer["schema"] == "weightmark/error/v1":
        return {answer["code"]: answer["what"]}
    found: dict[str, str] = {}
    for one in answer["checks"]:
        if one["outcome"] in {"fail", "unchecked"}:
            found.setdefault(f"{one['name']} {one['code']}".strip(), one["summary"])
    return found


# --- from outside -------------------------------------------------------------------------------------


def edit(stage: Stage) -> str:
    """Change one bit of the weights that were released."""
    _flip(stage.folder / "package" / "model.safetensors")
    return GATE.format("package")


def replay(stage: Stage) -> str:
    """Put the signature, claims and receipt of the release beside another model."""
    for name in SIDECARS:
        (stage.folder / "base" / name).unlink(missing_ok=True)
        shutil.copyfile(stage.folder / "package" / name, stage.folder / "base" / name)
    return GATE.format("base")


def sign_it_yourself(stage: Stage) -> str:
    """Sign an edited model with a key of one's own, in every role."""
    _draft(stage, _flip_weights).rename(stage.folder / "shipped")
    stage.run("weightmark key generate -o mallory.key -q")
    stage.run("weightmark sign shipped --key mallory.key")
    return GATE.format("shipped")


def bring_a_policy(stage: Stage) -> str:
    """Ship a policy that allows everything with the model."""
    shutil.copytree(stage.folder / "keys", stage.folder / "package" / "keys")
    shutil.copyfile(stage.folder / "policy.toml", stage.folder / "package" / "policy.toml")
    return "weightmark gate package --policy ./package/policy.toml"


def show_an_old_ledger(stage: Stage) -> str:
    """Hand the gate a copy of the ledger from before the revocation that it has already seen."""
    shutil.copytree(stage.folder / "ledger", stage.folder / "old")
    _revoke(stage)
    stage.run(GATE.format("package"), expect=1)
    return GATE.format("package").replace("--ledger ledger", "--ledger old")


def wait(_: Stage) -> str:
    """Use the model for longer than the vendor's weights were approved."""
    return f"{GATE.format('package')} --now 2099-01-01T00:00:00Z"


def use_what_was_revoked(stage: Stage) -> str:
    """Go on using a model after the recordings in it were revoked."""
    _revoke(stage)
    return GATE.format("package")


# --- from inside --------------------------------------------------------------------------------------


def hide_code(stage: Stage) -> str:
    """Add a file that runs a command when it is opened, and sign without a scan."""
    draft = _draft(stage, lambda folder: (folder / "optimizer.bin").write_bytes(CODE))
    _package(stage, draft)
    return _publish(stage, scan="--no-scan")


def scan_other_bytes(stage: Stage) -> str:
    """Let QA look at one model, and release another."""
    _package(stage, _draft(stage, _flip_weights))
    with (stage.folder / "shipped" / "model.claims").open("ab") as claims:
        claims.write((stage.folder / "package" / "model.claims").read_bytes())
    stage.run("weightmark sign shipped --key keys/release.key")
    stage.run(
        "weightmark ledger append shipped/model.claims --ledger ledger --key keys/release.key"
    )
    return GATE.format("shipped")


def swap_the_base(stage: Stage) -> str:
    """Begin with weights that are approved, but not for this."""
    other = stage.folder / "other.safetensors"
    shutil.copyfile(stage.folder / "upstream" / "silero_vad_16k.safetensors", other)
    _flip(other)
    reason = '--reason "for research only" --expires 2098-12-31'
    stage.run(f"weightmark attest {other.name} --type approval {reason} --key keys/curator.key")
    _record(stage, "finetune", f"--input base={other.name} --input data=dataset")
    return f"{_publish(stage)} --claims {other.name}.claims"


def train_on_other_data(stage: Stage) -> str:
    """Train on recordings that are known, but not for this."""
    (stage.folder / "scraped").mkdir()
    (stage.folder / "scraped" / "rows.csv").write_text("file,alarm\n", encoding="utf-8")
    stage.run("weightmark sign scraped --key keys/curator.key")
    described = "--type dataset --predicate steps/dataset.json"
    stage.run(f"weightmark attest scraped {described} --key keys/curator.key")
    approved = '--type approval --reason "for another project" --expires 2099-01-31'
    stage.run(f"weightmark attest scraped {approved} --key keys/curator.key")
    _record(stage, "finetune", "--input base=base --input data=scraped")
    return f"{_publish(stage)} --claims scraped/model.claims"


def leave_out_a_step(stage: Stage) -> str:
    """Quantize by hand, and record only what came after."""
    _draft(stage, _flip_weights, source="quantized").rename(stage.folder / "by-hand")
    _package(stage, _draft(stage, _flip_weights), "--input model=by-hand --input report=report")
    return _publish(stage)


def evaluate_oneself(stage: Stage) -> str:
    """Let the builder write the evaluation, which is QA's to make."""
    flattering = stage.folder / "draft-report"
    flattering.mkdir()
    (flattering / "report.json").write_text('{"right": 12}', encoding="utf-8")
    inputs = "--input model=quantized --input eval=dataset"
    stage.run(
        f"weightmark record --step evaluate {inputs} --output flattering {BUILDER}"
        " -- cp -r draft-report flattering"
    )
    _package(
        stage, _draft(stage, _flip_weights), "--input model=quantized --input report=flattering"
    )
    return f"{_publish(stage)} --claims flattering/model.claims"


def name_parents(stage: Stage) -> str:
    """Claim good parents by their names, addresses and weak digests."""
    _draft(stage, _flip_weights).rename(stage.folder / "shipped")
    parents = [
        {"name": "quantized", "uri": "https://acme.example/models/quantized"},
        {"name": "report", "digest": {"sha1": "0" * 40}},
    ]
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/package/v1",
            "externalParameters": {},
            "resolvedDependencies": parents,
        },
        "runDetails": {"builder": {"id": "https://acme.example/pipelines/alarms"}},
    }
    (stage.folder / "forged.json").write_text(json.dumps(predicate), encoding="utf-8")
    stage.run(
        "weightmark attest shipped --type provenance --predicate forged.json --key keys/builder.key"
    )
    return _publish(stage)


def tell_two_stories(stage: Stage) -> str:
    """Record once more, afterwards, that the release was made from something else."""
    inputs = "--input model=finetuned --input report=report"
    stage.run(
        f"weightmark record --step package {inputs} --output package {BUILDER} -- sh -c 'touch package/*'"
    )
    return GATE.format("package")


# --- what only the bytes tell -------------------------------------------------------------------------


def convert_unfaithfully(stage: Stage) -> str:
    """Call a model with one changed weight a conversion."""
    _record(
        stage, "convert", "--input base=finetuned", _draft(stage, _flip_weights, source="finetuned")
    )
    return CHAIN.format("shipped", "finetuned")


def adapt_another_base(stage: Stage) -> str:
    """Claim this base for an adapter of another one."""
    sides = {"A": (4, 64), "B": (64, 4)}
    shapes = {f"layers.0.q_proj.lora_{side}.weight": shape for side, shape in sides.items()}
    return _claim_the_base(stage, shapes)


def claim_a_finetune(stage: Stage) -> str:
    """Claim this base for a model that has nothing of it."""
    return _claim_the_base(stage, {f"layers.{number}.weight": (8, 8) for number in range(4)})


CHEATS = (
    Cheat("edit the weights after the release", edit, "content tampered"),
    Cheat("put the release's signature beside another model", replay, "content tampered"),
    Cheat("sign an edited model oneself", sign_it_yourself, "signature wrong-signer"),
    Cheat("ship a policy with the model", bring_a_policy, "policy", exit=2),
    Cheat(
        "show the ledger as it was before a revocation",
        show_an_old_ledger,
        "ledger ledger-inconsistent",
    ),
    Cheat("go on after the approval of the base has ended", wait, "chain unproven-artifact"),
    Cheat("go on after the data was revoked", use_what_was_revoked, "chain revoked"),
    Cheat("hide code in a file, and sign without a scan", hide_code, "scan"),
    Cheat("have other bytes scanned than are shipped", scan_other_bytes, "scan claim scan-missing"),
    Cheat("begin with another base", swap_the_base, "chain base-not-allowed"),
    Cheat("train on other data", train_on_other_data, "chain dataset-not-allowed"),
    Cheat("leave out a step", leave_out_a_step, "chain unproven-artifact"),
    Cheat("evaluate in the wrong role", evaluate_oneself, "chain wrong-role"),
    Cheat("claim parents by names and weak digests", name_parents, "chain unlinked-input"),
    Cheat("tell a second story of the release", tell_two_stories, "chain contradiction"),
    Cheat("call an edited model a conversion", convert_unfaithfully, "weights contradicted"),
    Cheat("claim the base for an adapter of another", adapt_another_base, "weights contradicted"),
    Cheat("claim the base for an unrelated model", claim_a_finetune, "weights contradicted"),
)


def _draft(stage: Stage, change: Callable[[Path], object], *, source: str = "package") -> Path:
    """Return a changed copy of a model, without anything that was said of it."""
    draft = stage.folder / f"draft-{source}"
    shutil.copytree(stage.folder / source, draft, ignore=shutil.ignore_patterns(*SIDECARS))
    change(draft)
    return draft


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def _flip_weights(folder: Path) -> None:
    _flip(folder / "model.safetensors")


def _record(stage: Stage, step: str, inputs: str, draft: Path | None = None) -> None:
    """Have the builder state that `shipped` was made by a step from these inputs."""
    made = draft or _draft(stage, _flip_weights)
    copy = f"cp -r {made.name} shipped"
    stage.run(f"weightmark record --step {step} {inputs} --output shipped {BUILDER} -- {copy}")


def _package(stage: Stage, draft: Path, inputs: str = PACKAGED) -> None:
    _record(stage, "package", inputs, draft)


def _publish(stage: Stage, *, scan: str = "") -> str:
    """Have QA and the release role sign `shipped` as usual, enter it, and return the question to the gate."""
    stage.run(f"weightmark sign shipped --add {scan} --key keys/qa.key")
    stage.run(
        "weightmark attest shipped --type test-result --predicate report/test-result.json --key keys/qa.key"
    )
    stage.run(f"weightmark sign shipped {scan} --key keys/release.key")
    stage.run(
        "weightmark ledger append shipped/model.claims --ledger ledger --key keys/release.key"
    )
    return GATE.format("shipped")


def _revoke(stage: Stage) -> None:
    stage.run(
        'weightmark revoke recordings --ledger ledger --key keys/curator.key --reason "consent withdrawn"'
    )


def _claim_the_base(stage: Stage, shapes: dict[str, tuple[int, int]]) -> str:
    draft = stage.folder / "draft"
    draft.mkdir()
    (draft / "model.safetensors").write_bytes(_safetensors(shapes))
    _record(stage, "finetune", "--input base=base --input data=dataset", draft)
    return CHAIN.format("shipped", "base")


def _safetensors(shapes: dict[str, tuple[int, int]]) -> bytes:
    """Return a file of float32 tensors that hold zeros."""
    header, end = {}, 0
    for name, (rows, columns) in shapes.items():
        begin, end = end, end + 4 * rows * columns
        header[name] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)
