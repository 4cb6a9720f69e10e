"""Measure weightmark's scanners beside modelscan, picklescan, fickling and modelaudit, on the same files.

Usage: ``python benchmarks/scanner_table.py [--write] [--sample N] [--slow N] [--misses] [--honest FOLDER …]``.
Every scanner runs in its own environment, one after the other, in one process over all files. The
attacks are those of the tests; the honest files are what real libraries and packages ship, those of
``benchmarks/honest_files.py`` among them. `--write` puts the table into ``docs/scanning.md``.
"""

import argparse
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from corpus import Case, attacks, honest, total, write
from scanner_worker import SCANNERS

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("scanner_worker.py")
DOCUMENT = ROOT / "docs/scanning.md"
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"
PYTHONS = {"weightmark": ".venv", "modelscan": ".peers/modelscan"}
PEERS = ".peers/scanners"
MODELS, HONEST = ".cache/models", ".cache/honest"
MEGABYTE = 1_000_000
SLOW = frozenset({"modelaudit"})
"""scanners that need about a third of a second for a file, of which `--slow` gives them fewer"""
LONGEST = 5.0
"""seconds that a scanner gets for one file"""
STARTING = 60.0
"""seconds that a scanner gets for its start"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one scanner said about all files."""

    name: str
    """as the table calls it"""
    version: str
    """of the scanner"""
    answers: tuple[str, ...]
    """one a file: `bad`, `noted`, `clean`, `error` or `skipped`"""
    seconds: tuple[float, ...]
    """one a file, in the process that scanned all of them"""
    peak: int
    """peak resident memory of that process in bytes"""

    @classmethod
    def of(cls, name: str, files: Sequence[Path], scratch: Path) -> "Measured":
        """Run the scanner over the files in a folder of its own, without anybody's settings.

        A file that takes over `LONGEST` seconds ends the process; it counts as an error, and the next
        process goes on behind it.
        """
        python = ROOT / PYTHONS.get(name, PEERS) / "bin/python"
        if not python.exists():
            sys.exit(f"error: `{python}` is missing\nhint: run `tools/peers/install scanners`")
        folder = scratch / name.replace(" ", "-")
        folder.mkdir()
        rows: list[tuple[str, float, int]] = []
        version = ""
        while len(rows) < len(files):
            version, more = _run([str(python), str(WORKER), name], files[len(rows) :], folder)
            rows += more
            if len(rows) < len(files):
                rows.append(("error", LONGEST, 0))
        answers, seconds, peaks = zip(*rows, strict=True)
        return cls(name, version, answers, seconds, max(peaks))


def _run(
    argv: Sequence[str], files: Sequence[Path], folder: Path
) -> tuple[str, list[tuple[str, float, int]]]:
    """Return the version and a row for each file, up to one that took too long or ended the process."""
    env = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LANG": "C.UTF-8"}
    if argv[-1] == "weightmark":
        env["PYTHONPATH"] = str(ROOT)
    asked = folder / "files.txt"
    asked.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    with (
        asked.open("rb") as stdin,
        subprocess.Popen(
            argv, cwd=folder, env=env, stdin=stdin, stdout=subprocess.PIPE, bufsize=0
        ) as child,
    ):
        assert child.stdout is not None  # noqa: S101 - PIPE was asked for
        lines = list(_lines(child.stdout.fileno()))
        child.kill()
    version = json.loads(lines[0]) if lines else sys.exit(f"error: `{argv[-1]}` does not start")
    return version, [tuple(json.loads(line)) for line in lines[1:]]


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield whole lines until the end, or until none comes for `LONGEST` seconds."""
    kept, wait = b"", STARTING
    while select.select([descriptor], [], [], wait)[0]:
        block = os.read(descriptor, 1 << 16)
        if not block:
            return
        *whole, kept = (kept + block).split(b"\n")
        yield from whole
        wait = LONGEST


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    measured: Measured
    """what the scanner said"""
    hostile: int
    """how many of the files, from the first, are attacks"""
    is_sample: bool = False
    """whether the scanner got an even sample of the files only"""

    def share(self, *answers: str, attack: bool) -> float:
        """Return which share of the attacks, or of the honest files, got one of these answers."""
        said = self.measured.answers
        part = said[: self.hostile] if attack else said[self.hostile :]
        return sum(one in answers for one in part) / len(part)

    @property
    def seconds(self) -> float:
        """Return the seconds for all files."""
        return sum(self.measured.seconds)

    def markdown(self) -> str:
        """Return the line."""
        one = self.measured
        sample = f", on {len(one.answers)} files of all" if self.is_sample else ""
        cells = [
            f"{one.name} {one.version}{sample}",
            f"{self.share('bad', attack=True):.1%}",
            f"{self.share('clean', attack=True):.1%}",
            f"{self.share('bad', attack=False):.1%}",
            f"{self.share('bad', 'noted', 'error', attack=False):.1%}",
            f"{self.seconds:.1f} s",
            f"{statistics.median(one.seconds) * 1e3:.1f} ms",
            f"{one.peak / MEGABYTE:.0f} MB",
        ]
        return f"| {' | '.join(cells)} |"


HEAD = """\
| scanner | attacks found | attacks called clean | false positives | honest files not clean | all files | median file | peak memory |
|---|---|---|---|---|---|---|---|"""


def table(rows: Sequence[Row], files: Sequence[Path], hostile: int) -> str:
    """Return the table, with what it was made of and how."""
    size = total(files) / MEGABYTE
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    lines = [
        f"{hostile} attacks and {len(files) - hostile} honest files, {size:.0f} MB, measured in one run of",
        f"`python benchmarks/scanner_table.py --write` with {machine}.",
        "",
        HEAD,
        *(row.markdown() for row in rows),
    ]
    return "\n".join(lines)


def misses(row: Row, cases: Sequence[Case]) -> list[str]:
    """Return the attacks that were not found, and the honest files that were not called clean."""
    lines = []
    for number, (case, said) in enumerate(zip(cases, row.measured.answers, strict=True)):
        attack = number < row.hostile
        if said != "bad" if attack else said in {"bad", "noted", "error"}:
            kind = "attack" if attack else "honest"
            lines.append(f"{kind} called {said}: {case.kind}: {case.title} ({case.name})")
    return lines


def _sample(cases: list[T], count: int | None) -> list[T]:
    """Return about `count` of them, spread evenly over all kinds."""
    return cases[:: max(1, len(cases) // count)] if count else cases


def measure(name: str, files: Sequence[Path], hostile: int, slow: int | None, scratch: Path) -> Row:
    """Run one scanner over all files, or over about `slow` attacks and as many honest files."""
    if name not in SLOW or not slow:
        return Row(Measured.of(name, files, scratch), hostile)
    attacks = _sample(list(files[:hostile]), slow)
    part = [*attacks, *_sample(list(files[hostile:]), slow)]
    return Row(Measured.of(name, part, scratch), len(attacks), is_sample=len(part) < len(files))


def put_into_document(text: str) -> None:
    """Replace what stands between the markers of the page."""
    page = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description="measure scanners on attacks and honest files")
    parser.add_argument("--only", choices=SCANNERS, action="append", help="one (repeatable)")
    parser.add_argument("--honest", type=Path, nargs="*", default=[], help="more honest files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every answer as JSON")
    parser.add_argument("--misses", action="store_true", help="list what weightmark got wrong")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    parser.add_argument("--sample", type=int, help="take about this many attacks and honest files")
    parser.add_argument("--slow", type=int, help="give slow scanners about this many of each only")
    asked = parser.parse_args()
    hostile = _sample(list(attacks()), asked.sample)
    folders = [ROOT / MODELS, *sorted((ROOT / HONEST).glob("*")), *asked.honest]
    cases = [*hostile, *_sample(list(honest(folders)), asked.sample)]
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch, "corpus")
        files = write(cases[: len(hostile)], corpus / "attacks")
        files += write(cases[len(hostile) :], corpus / "honest")
        names = asked.only or list(SCANNERS)
        rows = [measure(one, files, len(hostile), asked.slow, Path(scratch)) for one in names]
        text = table(rows, files, len(hostile))
    print(text)
    if asked.misses:
        print("\n".join(misses(rows[0], cases)))
    if asked.json:
        titles = [[case.kind, case.title, case.name] for case in cases]
        answers = {row.measured.name: row.measured.answers for row in rows}
        document = {"files": titles, "attacks": len(hostile), "answers": answers}
        asked.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if asked.write:
        put_into_document(text)


if __name__ == "__main__":
    main()
