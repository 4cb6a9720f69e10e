"""Run fuzz targets for longer than the test suite does: `python -m tests.fuzz.run --help`.

With atheris (a coverage-guided fuzzer, `pip install atheris`) each target runs in a process of its
own; without it, random damage to the sound examples is tried in this process.
"""

import argparse
import contextlib
import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from weightmark.errors import WeightmarkError

_LONGEST = 4096
_ROOT = Path(__file__).parents[2]


def main(args: Sequence[str] | None = None) -> int:
    """Run the targets that the arguments name, all of them by default; return how many broke."""
    options = _options(args)
    from tests.fuzz.targets import TARGETS

    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        _say(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
        return 2
    names = options.targets or list(TARGETS)
    if options.replay:
        return sum(_replay(name, options.replay) for name in names)
    guided = importlib.util.find_spec("atheris") is not None
    _say(f"{len(names)} targets, {options.seconds} s each, {'atheris' if guided else 'random'}")
    run = _run_guided if guided else _run_random
    return sum(run(name, options.seconds, options.out) for name in names)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets (default: all)")
    parser.add_argument("--seconds", type=int, default=20, help="for each target (default: 20)")
    parser.add_argument("--out", type=Path, default=Path(), help="where inputs that break it go")
    parser.add_argument("--replay", type=Path, help="try this one file instead")
    return parser.parse_args(args)


def _one(name: str) -> Callable[[bytes], None]:
    """Return the target as a fuzzer wants it: errors of the tree are good answers."""
    from tests.fuzz.targets import TARGETS

    def one(data: bytes) -> None:
        with contextlib.suppress(WeightmarkError):
            TARGETS[name](data)

    return one


def _replay(name: str, path: Path) -> int:
    _one(name)(path.read_bytes())
    _say(f"{name}: held")
    return 0


def _run_random(name: str, seconds: int, out: Path) -> int:
    from tests.fuzz.mutations import damaged, random_edits
    from tests.fuzz.seeds import SEEDS

    random = Random()  # noqa: S311 - it chooses damage, not secrets
    one, seeds, count = _one(name), SEEDS[name], 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = damaged(random.choice(seeds), random_edits(random), seeds)
        count += 1
        try:
            one(data)
        except Exception as error:  # noqa: BLE001 - any exception is the find that is looked for
            path = out / f"{name}-{type(error).__name__}"
            path.write_bytes(data)
            _say(f"{name}: broke after {count} inputs: {error!r}; the input is in `{path}`")
            return 1
    _say(f"{name}: held for {count} inputs")
    return 0


def _run_guided(name: str, seconds: int, out: Path) -> int:
    from tests.fuzz.mutations import TOKENS
    from tests.fuzz.seeds import FOUND, SEEDS

    with tempfile.TemporaryDirectory(prefix="weightmark-fuzz-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate((*SEEDS[name], *FOUND.get(name, ()))):
            (corpus / str(number)).write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if len(token) <= 64))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from tests.fuzz.run import guided; guided({name!r})",
                str(corpus),
                f"-dict={words}",
                f"-max_total_time={seconds}",
                f"-max_len={_LONGEST}",
                "-timeout=10",
                f"-artifact_prefix={out / name}-",
            ],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    last = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
    if done.returncode == 0 and last:
        _say(f"{name}: held, {last[-1].lower()}")
        return 0
    _say(f"{name}: broke\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return 1


def guided(name: str) -> None:
    """Hand this process over to atheris; it ends with the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["weightmark"]):
        one = _one(name)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    sys.exit(main())
