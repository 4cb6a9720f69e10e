"""Measure weightmark side by side with its peers: start-up, verification, memory, scanning.

Usage: ``python benchmarks/run.py [--only startup|verify|memory|scanning|tensors|loading|reading|million|ledger|pages|gate|pull] [--quick] [--plain-sha] [--json FILE] [--strict]``.
See ``benchmarks/README.md`` for how to read the result.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from artifacts import (
    MEBIBYTE,
    pickle_with_many_values,
    pickle_with_one_value,
    repository,
    safetensors_of,
    sparse_file,
    tiny_model,
    torch_zip_of,
)
from gate_rows import gate_figures
from ledger_rows import ledger_figures
from measure import MEGABYTE, Command, environment, paired, run
from pages_rows import pages_figures
from pull_rows import cluster_figures, pull_figures, step_figures, verify_figures
from reading_rows import million_figures, reading_figures
from signed import sign_keyless, write_certificates

ROOT = Path(__file__).resolve().parent.parent
PEER = ".peers/model_signing/bin/python"
STARTUP_GOAL = 2.5
VERIFY_GOAL = 0.4
MEMORY_GOAL = 150
TENSORS_GOAL, WEIGHTS_GOAL, LOADING_GOAL = 1.7, 1.15, 1.3
NUMPY = ".peers/torch/bin/python"
OPEN_VERIFIED = """
import sys, weightmark
with weightmark.open_verified(sys.argv[1], key=sys.argv[2], framework="numpy") as tensors:
    for name in tensors:
        tensors[name]
"""
SAFE_OPEN = """
import sys
from blake3 import blake3
from safetensors import safe_open
with safe_open(sys.argv[1], framework="np") as tensors:
    for name in tensors.keys():
        blake3(memoryview(tensors.get_tensor(name)).cast("B"), max_threads=blake3.AUTO).hexdigest()
"""
SMALL_GOAL, LARGE_GOAL, REPOSITORY_GOAL = 200, 300, 500
PAYLOAD_GOAL = 60
_NO_SHA = ":~0x20000000"
"""what `OPENSSL_ia32cap` says for leaving out the SHA extensions: OPENSSL_ia32cap(3), bit 29 of the second word"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result."""

    measured: str
    """what was measured"""
    ours: float
    """weightmark's figure"""
    theirs: float | None
    """the peer's figure, where there is a peer"""
    unit: str
    """of both figures: `us`, `ms`, `s` or `MB` (a million bytes)"""
    figure: float
    """what the goal is about: the ratio ours / theirs, or our own figure"""
    goal: float
    """the most that `figure` may be"""

    @property
    def met(self) -> bool:
        """Tell whether the goal is met."""
        return self.figure <= self.goal


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things lie during one run."""

    scratch: Path
    """a temporary folder"""
    bin: Path
    """the programs of an environment that holds the wheel and nothing for development"""
    quick: bool
    """fewer rounds and smaller files: to try the benchmark, not to report it"""
    plain_sha: bool = False
    """whether OpenSSL must do without the processor's SHA instructions, for every command"""

    @classmethod
    def installed(cls, scratch: Path, *, quick: bool, plain_sha: bool) -> "Bench":
        """Build the wheel in a copy and install it with the locked dependencies."""
        tree, empty = scratch / "tree", scratch / "venv"
        python = empty / "bin/python"
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
        calls: list[list[str | Path]] = [
            [sys.executable, ROOT / "tools/copy_tree.py", tree],
            [sys.executable, "-m", "build", "-n", "-w", "--outdir", scratch / "dist", tree],
            [sys.executable, "-m", "venv", empty],
            [*pip, "--only-binary", ":all:", "--require-hashes", "-r", ROOT / "ci/runtime.txt"],
        ]
        for argv in calls:
            subprocess.run(argv, check=True, capture_output=True)
        (wheel,) = (scratch / "dist").glob("*.whl")
        subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True, capture_output=True)
        return cls(scratch=scratch, bin=empty / "bin", quick=quick, plain_sha=plain_sha)

    def command(
        self, *arguments: object, label: str = "weightmark", expected: tuple[int, ...] = (0,)
    ) -> Command:
        """Return a call of the installed weightmark."""
        return Command(label, (str(self.bin / "weightmark"), *map(str, arguments)), expected)

    @property
    def env(self) -> dict[str, str]:
        """Return an environment whose home is empty."""
        found = environment(self.scratch)
        return {**found, "OPENSSL_ia32cap": _NO_SHA} if self.plain_sha else found

    def key(self) -> tuple[Path, Path]:
        """Return a private key and its public key, made once."""
        private = self.scratch / "bench.key"
        if not private.exists():
            run(self.command("key", "generate", "-o", private), self.env)
        return private, private.with_suffix(".pub")


def startup(bench: Bench) -> Iterator[Row]:
    """Compare start-up with that of click, the library that any such command has to load."""
    click = Command("click", (str(bench.bin / "python"), "-c", "import click"))
    for flag in ("--version", "--help"):
        pair = paired(bench.command(flag), click, 5 if bench.quick else 31, bench.env)
        name = f"`weightmark {flag}` / `import click`"
        yield Row(name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, STARTUP_GOAL)


def verify(bench: Bench) -> Iterator[Row]:
    """Compare `verify` with the peers, on signatures that both accept: by key, certificate, identity."""
    peer = ROOT / os.environ.get("WEIGHTMARK_MODEL_SIGNING_PYTHON", PEER)
    if not peer.exists():
        sys.exit(f"error: `{peer}` is missing\nhint: run `make peers`")
    rounds = 3 if bench.quick else 11
    for name, ours, theirs in (
        _by_key(bench, peer),
        _by_certificate(bench, peer),
        *_by_identity(bench, peer),
    ):
        pair = paired(ours, theirs, rounds, bench.env)
        yield Row(name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, VERIFY_GOAL)


def _model_signing(peer: Path, kind: str, model: Path, *arguments: object) -> Command:
    """Return a call of the reference implementation's `verify`."""
    call = ("verify", kind, model, "--signature", model / "model.sig", *arguments)
    return Command("model_signing", (str(peer), "-m", "model_signing", *map(str, call)))


def _by_key(bench: Bench, peer: Path) -> tuple[str, Command, Command]:
    private, public = bench.key()
    model = tiny_model(bench.scratch / "tiny")
    run(bench.command("sign", model, "--key", private), bench.env)
    ours = bench.command("verify", model, "--key", public)
    theirs = _model_signing(peer, "key", model, "--public_key", public)
    return "`verify` by key, ten small files / `model_signing verify key`", ours, theirs


def _by_certificate(bench: Bench, peer: Path) -> tuple[str, Command, Command]:
    folder = bench.scratch / "certificate"
    model = tiny_model(folder / "tiny")
    key, certificate, root = write_certificates(folder)
    signer = ("--key", key, "--signing-cert", certificate, "--cert-chain", root)
    run(bench.command("sign", model, *signer), bench.env)
    ours = bench.command("verify", model, "--cert-chain", root, "--cert-any")
    theirs = _model_signing(peer, "certificate", model, "--certificate_chain", root)
    return "`verify` by certificate / `model_signing verify certificate`", ours, theirs


def _by_identity(bench: Bench, peer: Path) -> Iterator[tuple[str, Command, Command]]:
    folder = bench.scratch / "keyless"
    signed = sign_keyless(bench.bin / "weightmark", tiny_model(folder / "tiny"), bench.env)
    config = ("--trust-config", signed.trust_config)
    ours = bench.command(
        *("verify", signed.path, *config),
        *("--identity", signed.person, "--issuer", signed.issuer),
    )
    who = ("--identity", signed.person, "--identity_provider", signed.issuer)
    theirs = _model_signing(
        peer, "sigstore", signed.path, "--trust_config", signed.trust_config, *who
    )
    yield "`verify` by identity / `model_signing verify sigstore`", ours, theirs
    call = (
        *(bench.bin / "sigstore", *config, "verify", "identity", "--bundle", signed.bundle),
        *("--cert-identity", signed.person, "--cert-oidc-issuer", signed.issuer),
        f"sha256:{signed.subject}",
    )
    theirs = Command("sigstore", tuple(map(str, call)))
    yield "`verify` by identity / `sigstore verify identity`, one claim", ours, theirs


def memory(bench: Bench) -> Iterator[Row]:
    """Measure the peak memory of the four commands that read whole files."""
    private, public = bench.key()
    scale = 16 if bench.quick else 1024
    makers = {
        "zeros": (sparse_file, 4 * scale),
        "pickle of one value": (pickle_with_one_value, scale),
        "pickle of many values": (pickle_with_many_values, scale),
    }
    for name, (make, mebibytes) in makers.items():
        folder = bench.scratch / name.replace(" ", "-")
        make(folder / "model.bin", mebibytes * MEBIBYTE)
        for command in (
            bench.command("digest", folder, label="digest"),
            bench.command("scan", folder, label="scan", expected=(0, 3)),  # zeros are no format: 3
            bench.command("sign", folder, "--key", private, label="sign"),
            bench.command("verify", folder, "--key", public, label="verify"),
        ):
            peak = run(command, bench.env)[1] / MEGABYTE
            title = f"peak memory of `{command.label}`, {name}, {mebibytes} MiB"
            yield Row(title, peak, None, "MB", peak, MEMORY_GOAL)


def scanning(bench: Bench) -> Iterator[Row]:
    """Measure `scan` as a process: a small pickle, two large files, a repository, a pickle of bytes."""
    size = (16 if bench.quick else 2000) * MEBIBYTE
    folder = bench.scratch / "scanning"
    small = folder / "small.pkl"
    safetensors = safetensors_of(folder / "large.safetensors", size)
    small.write_bytes(b"\x80\x04}\x94.")
    files = {
        "a small pickle": (small, SMALL_GOAL),
        f"safetensors of {size // MEBIBYTE} MiB": (safetensors, LARGE_GOAL),
        f"a torch zip of {size // MEBIBYTE} MiB": (
            torch_zip_of(folder / "large.pt", size),
            LARGE_GOAL,
        ),
        "a repository of 50 files": (repository(folder / "repository"), REPOSITORY_GOAL),
    }
    for name, (path, goal) in files.items():
        command = bench.command("scan", path)
        seconds = [run(command, bench.env)[0] for _ in range(4 if bench.quick else 16)]
        figure = statistics.median(seconds[1:]) * 1e3
        yield Row(f"`scan` of {name}", figure, None, "ms", figure, goal)
    payload = pickle_with_one_value(folder / "payload.pkl", size // 2)
    peak = run(bench.command("scan", payload), bench.env)[1] / MEGABYTE
    title = f"peak memory of `scan`, a pickle of {size // 2 // MEBIBYTE} MiB of bytes"
    yield Row(title, peak, None, "MB", peak, PAYLOAD_GOAL)


def tensors(bench: Bench) -> Iterator[Row]:
    """Compare the digests of weights in one large safetensors file with `digest` of the same file."""
    size = (16 if bench.quick else 2000) * MEBIBYTE
    file = safetensors_of(bench.scratch / "tensors" / "model.safetensors", size)
    plain = bench.command("digest", "--fresh", file)
    for flag, goal in (("--tensors", TENSORS_GOAL), ("--weights-only", WEIGHTS_GOAL)):
        ours = bench.command("digest", flag, file, label=f"digest {flag}")
        pair = paired(ours, plain, 3 if bench.quick else 11, bench.env)
        name = f"`digest {flag}` / `digest`, safetensors of {size // MEBIBYTE} MiB"
        yield Row(name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, goal)


def loading(bench: Bench) -> Iterator[Row]:
    """Compare `open_verified` of all tensors with `safetensors.safe_open` and BLAKE3 of the same bytes."""
    python = ROOT / os.environ.get("WEIGHTMARK_TORCH_PYTHON", NUMPY)
    if not python.exists():
        sys.exit(f"error: `{python}` is missing\nhint: run `make peers`")
    size = (64 if bench.quick else 2000) * MEBIBYTE
    file = safetensors_of(bench.scratch / "loading" / "model.safetensors", size)
    private, public = bench.key()
    run(bench.command("sign", "--no-scan", file, "--key", private), bench.env)
    libraries = bench.scratch / "safetensors"
    place = Path(str(find_spec("safetensors").origin)).parent  # type: ignore[union-attr] # it is locked
    shutil.copytree(place, libraries / "safetensors")
    (own,) = (bench.bin.parent / "lib").glob("python*/site-packages")
    env = {**bench.env, "PYTHONPATH": f"{own}:{libraries}"}
    calls = [
        Command(label, (str(python), "-c", code, str(file), str(public)))
        for label, code in (("open_verified", OPEN_VERIFIED), ("safe_open", SAFE_OPEN))
    ]
    pair = paired(calls[0], calls[1], 3 if bench.quick else 11, env)
    name = f"`open_verified` / `safe_open` + BLAKE3, {size // MEBIBYTE} MiB"
    yield Row(name, pair.ours * 1e3, pair.theirs * 1e3, "ms", pair.ratio, LOADING_GOAL)


def reading(bench: Bench) -> Iterator[Row]:
    """Compare whole reads, and reads that receipts spare, with the hashes alone and with the reference."""
    peer = ROOT / os.environ.get("WEIGHTMARK_MODEL_SIGNING_PYTHON", PEER)
    if not peer.exists():
        sys.exit(f"error: `{peer}` is missing\nhint: run `make peers`")
    for figures in reading_figures(bench, peer):
        yield Row(*figures)


def million(bench: Bench) -> Iterator[Row]:
    """Compare `digest` of a million files with ten times that of a tenth of them."""
    for figures in million_figures(bench):
        yield Row(*figures)


def ledger(bench: Bench) -> Iterator[Row]:
    """Measure the ledger: appends to both stores; proofs, searches and verification of many entries."""
    for name, figure, unit, goal in ledger_figures(bench.scratch, quick=bench.quick):
        yield Row(name, figure, None, unit, figure, goal)


def pages(bench: Bench) -> Iterator[Row]:
    """Measure the auditor's pages of a million entries; nothing beside it does the same."""
    for name, figure, unit, goal in pages_figures(bench.scratch, quick=bench.quick):
        yield Row(name, figure, None, unit, figure, goal)


def gate(bench: Bench) -> Iterator[Row]:
    """Compare the gate with hashes alone, with start-up, and with tools that do parts of it."""
    peer = ROOT / os.environ.get("WEIGHTMARK_MODEL_SIGNING_PYTHON", PEER)
    if not peer.exists():
        sys.exit(f"error: `{peer}` is missing\nhint: run `make peers`")
    for figures in gate_figures(bench, peer, ROOT):
        yield Row(*figures)


def pull(bench: Bench) -> Iterator[Row]:
    """Compare a pull with a download by the hub's own client."""
    for figures in pull_figures(bench, ROOT):
        yield Row(*figures)


def registry(bench: Bench) -> Iterator[Row]:
    """Measure the verification of what a registry promises."""
    for figures in verify_figures(bench, ROOT):
        yield Row(*figures)


def cluster(bench: Bench) -> Iterator[Row]:
    """Compare two workers of a cluster with one."""
    for figures in cluster_figures(bench, ROOT):
        yield Row(*figures)


def step(bench: Bench) -> Iterator[Row]:
    """Measure the step of a pipeline."""
    for figures in step_figures(bench, ROOT):
        yield Row(*figures)


PARTS = {
    "startup": startup,
    "verify": verify,
    "memory": memory,
    "scanning": scanning,
    "tensors": tensors,
    "loading": loading,
    "reading": reading,
    "million": million,
    "ledger": ledger,
    "pages": pages,
    "gate": gate,
    "pull": pull,
    "registry": registry,
    "cluster": cluster,
    "step": step,
}


def show(row: Row) -> None:
    """Print one line of the table."""
    theirs = "" if row.theirs is None else f"{row.theirs:.0f} {row.unit}"
    figure = f"{row.figure:.2f} x" if row.theirs is not None else ""
    goal = f"<= {row.goal:g}{' x' if row.theirs is not None else ' ' + row.unit}"
    met = "met" if row.met else "MISSED"
    ours = f"{row.ours:.0f} {row.unit}"
    print(f"{row.measured:68} {ours:>9} {theirs:>9} {figure:>8} {goal:>9}  {met}", flush=True)


def machine() -> dict[str, object]:
    """Say what the figures were taken on, as far as a reader needs it."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description="measure weightmark side by side with its peers")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part (repeatable)")
    parser.add_argument("--quick", action="store_true", help="try it out: the figures mean little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument(
        "--plain-sha", action="store_true", help="OpenSSL leaves the SHA instructions out, for all"
    )
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench.installed(Path(scratch), quick=asked.quick, plain_sha=asked.plain_sha)
        print(f"{'measured':68} {'ours':>9} {'theirs':>9} {'ratio':>8} {'goal':>9}")
        for part in asked.only or PARTS:
            for row in PARTS[part](bench):
                show(row)
                rows.append(row)
    if asked.json:
        figures = [{**asdict(row), "met": row.met} for row in rows]
        text = json.dumps(
            {
                "machine": machine(),
                "quick": asked.quick,
                "plain_sha": asked.plain_sha,
                "rows": figures,
            },
            indent=2,
        )
        asked.json.write_text(f"{text}\n", encoding="utf-8")
    sys.exit(asked.strict and not all(row.met for row in rows))


if __name__ == "__main__":
    main()
