"""Keep the comparison in README.md what docs/scanning.md and docs/performance.md say that `benchmarks/` measured."""

import re
import sys
from collections.abc import Iterator

from generated import ROOT, settle

README = ROOT / "README.md"
BEGIN = "<!-- compared:begin -->"
END = "<!-- compared:end -->"
SCANNERS = ROOT / "docs/scanning.md"
SPEED = ROOT / "docs/performance.md"
_COLUMNS = (
    "scanner",
    "attacks found",
    "attacks called clean",
    "false positives",
    "all files",
    "peak memory",
)
_WORK = (
    "`verify` of 2 GiB by a manifest claim / `model_signing verify`",
    "`digest` of 2 GiB / `model_signing`",
    "`digest` of 2 GiB / `blake3` over a mapping, all threads",
    "`sign` of 2 GiB, one file, with scan / SHA-256 alone",
)


def comparison() -> str:
    """Return both tables, with where their figures come from."""
    scanners = rows_of(SCANNERS.read_text(encoding="utf-8"), "scanner")
    speed = {row["work"]: row for row in rows_of(SPEED.read_text(encoding="utf-8"), "work")}
    missing = [work for work in _WORK if work not in speed]
    if missing:
        sys.exit(f"error: `{SPEED.name}` has no row {missing[0]}")
    files = re.search(r"^\d+ attacks and \d+ honest files", SCANNERS.read_text(), re.MULTILINE)
    if files is None:
        sys.exit(f"error: `{SCANNERS.name}` does not say how many files were judged")
    return "\n".join(
        [
            f"The same {files[0]}, each tool with its defaults ([how](docs/scanning.md)):",
            "",
            *table(_COLUMNS, ([row[name] for name in _COLUMNS] for row in scanners)),
            "",
            "Whole processes, side by side on one machine ([how](docs/performance.md)); each row was measured by itself, beside",
            "what else ran, so compare the two times of a row, not those of two rows:",
            "",
            *table(
                ("weightmark", "beside it", "weightmark", "beside it"),
                ([*_two(work), speed[work]["ours"], speed[work]["beside it"]] for work in _WORK),
            ),
        ]
    )


def rows_of(page: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the first table of a page whose first column is called `first`."""
    lines = page.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(f"| {first} |")), None)
    if start is None:
        sys.exit(f"error: no table with a column `{first}`")
    head = _cells(lines[start])
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append(dict(zip(head, _cells(line), strict=True)))
    return found


def table(head: tuple[str, ...], rows: Iterator[list[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def with_comparison(readme: str, text: str) -> str:
    """Return `readme` with `text` between its two markers."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        sys.exit(f"error: README.md needs one line `{BEGIN}` and, after it, one `{END}`")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _two(work: str) -> list[str]:
    ours, _, beside = work.partition(" / ")
    return [ours, beside]


if __name__ == "__main__":
    settle(README, with_comparison(README.read_text(encoding="utf-8"), comparison()), str(__doc__))
