"""The rows of the table that are about the ledger; `ledger_worker.py` and `service_worker.py` measure apart.

They use the environment of this script, since the driver of PostgreSQL is an extra.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("ledger_worker.py")
SERVICE = Path(__file__).with_name("service_worker.py")
APPENDS = {
    "append_1000": (
        "append to {}, 2 KB, batches of 1000, an entry",
        {"SQLite": 50, "PostgreSQL": 83},
    ),
    "append_1": (
        "append to {}, 2 KB, one by one, an entry",
        {"SQLite": 667, "PostgreSQL": 3000},
    ),
}
"""microseconds an entry: 20,000 and 1,500 a second; 12,000 for PostgreSQL in batches"""
LARGE = {
    "prove": ("inclusion proof out of {} entries", "ms", 2),
    "search_subject": ("search by digest in {} entries", "ms", 20),
    "search_signer": ("search by signer in {} entries, first 100", "ms", 20),
    "complete_first": (
        "first complete search in {} entries: the reader's own index is made",
        "s",
        60,
    ),
    "complete": ("complete search by digest and kind in {} entries afterwards", "ms", 20),
    "verify": ("verification of {} entries, without claims", "s", 30),
    "verify_memory": ("peak memory of verifying {} entries", "MB", 200),
}


def ledger_figures(scratch: Path, *, quick: bool) -> Iterator[tuple[str, float, str, float]]:
    """Yield name, figure, unit and goal of each row; PostgreSQL only where a server is installed."""
    count, large = (4000, 20_000) if quick else (40_000, 1_000_000)
    yield from _appends("SQLite", _measure("sqlite", scratch, count))
    sys.path.insert(0, str(ROOT))
    from tests.sim.postgres import PostgresServer, programs

    if programs() is None:
        print("PostgreSQL is not installed: its rows are left out", file=sys.stderr)
    else:
        server = PostgresServer()
        try:
            found = _measure("postgres", scratch, count, server.database())
            yield from _appends("PostgreSQL", found)
        finally:
            server.stop()
    yield from _served(scratch, count // 10)
    figures = _measure("large", scratch, large)
    for key, (name, unit, goal) in LARGE.items():
        yield name.format(f"{large:,}"), figures[key], unit, goal
    family = 5_000 if quick else 100_000
    descent = _measure("impact", scratch, family)
    yield f"`impact` over {family:,} descendants", descent["impact"], "s", 1
    yield f"what an artifact descends from, among {family:,} claims", descent["descent"], "ms", 100
    yield f"index of {family:,} signed claims, made once", descent["index"], "s", 120


def _appends(store: str, figures: dict[str, float]) -> Iterator[tuple[str, float, str, float]]:
    for key, (name, goals) in APPENDS.items():
        yield name.format(store), figures[key], "us", goals[store]


def _served(scratch: Path, count: int) -> Iterator[tuple[str, float, str, float]]:
    call = [sys.executable, str(SERVICE), str(scratch), str(count)]
    figures = _run(call, scratch)
    name = "`POST /add`, 64 clients, P-256 claims verified, receipts returned"
    yield f"{name}, an entry", 1e6 / figures["add_rate"], "us", 1250
    yield f"{name}, p99", figures["add_p99"], "ms", 500


def _measure(part: str, scratch: Path, count: int, *more: str) -> dict[str, float]:
    return _run([sys.executable, str(WORKER), part, str(scratch), str(count), *more], scratch)


def _run(call: list[str], scratch: Path) -> dict[str, float]:
    env = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    done = subprocess.run(call, env=env, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
