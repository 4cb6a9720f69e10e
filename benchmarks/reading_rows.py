"""The rows of the table that are about reading: whole processes beside hashes alone and beside the reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from artifacts import MEBIBYTE, many_files, random_file, tiny_model
from measure import MEGABYTE, Command, paired, run

if TYPE_CHECKING:
    from run import Bench

RECEIPTS_GOAL, SHARDS_GOAL = 1.5, 1 / 1.8
MEMORY_GOAL, MILLION_GOAL, LINEAR_GOAL = 150, 900, 1.1

Figures = tuple[str, float, float | None, str, float, float]
"""as the fields of a `Row`"""


def reading_figures(bench: "Bench", peer: Path) -> Iterator[Figures]:
    """Yield the rows of whole reads and of reads that receipts spare; `peer` is the Python of model_signing."""
    yield from _one_large_file(bench, peer)
    yield from _shards(bench)
    yield from _many_small_files(bench, peer)


def _one_large_file(bench: "Bench", peer: Path) -> Iterator[Figures]:
    scale = 64 if bench.quick else 2048
    folder = bench.scratch / "large"
    folder.mkdir()
    file = random_file(folder / "model.bin", scale * MEBIBYTE)
    private, public = bench.key()
    digest = bench.command("digest", folder, "--fresh")
    sign = bench.command("sign", folder, "--fresh", "--key", private)
    verify_it = ("verify", folder, "--key", public)
    run(sign, bench.env)
    name, rounds = f"{scale} MiB", 2 if bench.quick else 5
    for what, ours, theirs, goal in (
        (f"`digest` of {name} / `blake3` over a mapping", digest, _blake3(bench, file), 1 / 0.55),
        (f"`digest` of {name} / model_signing", digest, _reference_hash(peer, folder), 1 / 10),
        (
            f"`verify` of {name} / `model_signing verify`",
            bench.command(*verify_it, "--fresh"),
            _reference_verify(peer, folder, public),
            1 / 12,
        ),
        (f"`sign` of {name} / SHA-256 alone", sign, _sha256(bench, [file]), 1.25),
    ):
        pair = paired(ours, theirs, rounds, bench.env)
        yield (what, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, goal)
    yield from _with_receipts(bench, folder, name)


def _with_receipts(bench: "Bench", folder: Path, name: str) -> Iterator[Figures]:
    """Compare calls that find everything unchanged with calls that have nothing to read."""
    private, public = bench.key()
    tiny = tiny_model(bench.scratch / "beside", files=3)
    run(bench.command("sign", tiny, "--key", private), bench.env)
    for command in ("digest", "sign", "verify"):
        flags = {"digest": (), "sign": ("--key", private), "verify": ("--key", public)}[command]
        ours = bench.command(command, folder, *flags)
        theirs = bench.command("--version", label="start")
        if command != "digest":
            theirs = bench.command(command, tiny, *flags, label="tiny")
        pair = paired(ours, theirs, 3 if bench.quick else 11, bench.env)
        beside = "`--version`" if command == "digest" else f"`{command}` of three small files"
        what = f"`{command}` of {name}, unchanged, with receipts / {beside}"
        yield (what, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, RECEIPTS_GOAL)


def _shards(bench: "Bench") -> Iterator[Figures]:
    scale = 16 if bench.quick else 512
    folder = bench.scratch / "shards"
    folder.mkdir()
    files = [random_file(folder / f"{number}.bin", scale * MEBIBYTE) for number in range(4)]
    sign = bench.command("sign", folder, "--fresh", "--no-scan", "--key", bench.key()[0])
    pair = paired(sign, _sha256(bench, files), 2 if bench.quick else 5, bench.env)
    what = f"`sign` of 4 files of {scale} MiB / SHA-256 alone, one core"
    yield (what, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, SHARDS_GOAL)


def _many_small_files(bench: "Bench", peer: Path) -> Iterator[Figures]:
    count = 3_000 if bench.quick else 100_000
    crowd = many_files(bench.scratch / "crowd", count)
    out = bench.scratch / "crowd-signed"
    out.mkdir()
    private, _ = bench.key()
    digest = bench.command("digest", crowd)
    sign = bench.command("sign", crowd, "--replace", "--out", out, "--key", private)
    signature = bench.scratch / "crowd.sig"
    call = (peer, "-m", "model_signing", "sign", "key", crowd, "--private_key", private)
    theirs = Command("model_signing", (*map(str, call), "--signature", str(signature)))
    rounds = 1 if bench.quick else 3
    for what, ours, other, goal in (
        ("digest", digest, _reference_hash(peer, crowd), 1 / 8),
        ("sign", sign, theirs, 1 / 6),
        ("sign --no-scan", _unscanned(sign), theirs, 1 / 6),
    ):
        pair = paired(ours, other, rounds, bench.env)
        name = f"`{what}` of {count} files of 4 KiB / model_signing"
        yield (name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, goal)
    for command in (digest, sign):
        peak = run(command, bench.env)[1] / MEGABYTE
        title = f"peak memory of `{command.argv[1]}`, {count} files of 4 KiB"
        yield (title, peak, None, "MB", peak, MEMORY_GOAL)


def million_figures(bench: "Bench") -> Iterator[Figures]:
    """Compare `digest` of a million files with ten times that of a tenth of them."""
    count = 3_000 if bench.quick else 100_000
    few = many_files(bench.scratch / "few", count)
    many = many_files(bench.scratch / "million", 10 * count)
    measured = {}
    for number, path in ((count, few), (10 * count, many)):
        command = bench.command("digest", path)
        run(command, bench.env)
        measured[number] = [run(command, bench.env) for _ in range(3)]
    short, long = (min(seconds for seconds, _ in runs) * 1e3 for runs in measured.values())
    name = f"`digest` of {10 * count} files of 4 KiB / ten times that of {count}"
    yield (name, long, 10 * short, "ms", long / (10 * short), LINEAR_GOAL)
    peak = max(peak for _, peak in measured[10 * count]) / MEGABYTE
    title = f"peak memory of `digest`, {10 * count} files of 4 KiB"
    yield (title, peak, None, "MB", peak, MILLION_GOAL)


def _unscanned(sign: Command) -> Command:
    return Command("unscanned", (*sign.argv, "--no-scan"))


def _blake3(bench: "Bench", file: Path) -> Command:
    code = (
        "import sys, blake3\n"
        "blake3.blake3(max_threads=blake3.blake3.AUTO).update_mmap(sys.argv[1]).hexdigest()"
    )
    return Command("blake3", (str(bench.bin / "python"), "-c", code, str(file)))


def _sha256(bench: "Bench", files: list[Path]) -> Command:
    code = (
        "import hashlib, sys\n"
        "for path in sys.argv[1:]:\n"
        "    hashlib.file_digest(open(path, 'rb'), 'sha256')"
    )
    return Command("sha256", (str(bench.bin / "python"), "-c", code, *map(str, files)))


def _reference_hash(peer: Path, path: Path) -> Command:
    code = (
        "import pathlib, sys\nfrom model_signing import hashing\n"
        "hashing.hash(pathlib.Path(sys.argv[1]))"
    )
    return Command("model_signing", (str(peer), "-c", code, str(path)))


def _reference_verify(peer: Path, folder: Path, public: Path) -> Command:
    call = (peer, "-m", "model_signing", "verify", "key", folder, "--public_key", public)
    named = ("--signature", str(folder / "model.sig"))
    return Command("model_signing", (*map(str, call), *named))
