"""Clients that others wrote, each as it is installed: aics-tlog, aics-witness and tlog-scales.

They check our log, cosign it, are cosigned by us, and refuse what we would refuse.
"""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ENVIRONMENT, ROOT
from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from tests.provenance.ledger.witnessing.served import serving
from weightmark.provenance.ledger.checkpoint import Checkpoint, verify_checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, parse_lines
from weightmark.provenance.ledger.proof import verify_proof
from weightmark.provenance.ledger.witnessing.client import LogHead
from weightmark.provenance.ledger.witnessing.collection import (
    Collection,
    collect_cosignatures,
    keep_cosigned,
)
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessVerifier
from weightmark.provenance.ledger.witnessing.policy import parse_policy
from weightmark.provenance.ledger.witnessing.quorum import (
    merge_cosignatures,
    verify_cosigned,
)
from weightmark.provenance.ledger.witnessing.visit import visit
from weightmark.provenance.ledger.witnessing.witness import Witness

pytestmark = pytest.mark.needs("tlog")

_PATIENCE = 60.0


@pytest.fixture(scope="session")
def programs() -> Path:
    """Where the foreign programs lie."""
    return (ROOT / ENVIRONMENT.get("WEIGHTMARK_TLOG_PYTHON", ".peers/tlog/bin/python")).parent


@pytest.fixture
def grown(ledger: Ledger, alice: SubmitterSim) -> Ledger:
    """A ledger over the edge of a tile, with its checkpoint at size 200 kept as `old`."""
    grow(ledger, alice, range(199))
    (ledger.path / "old").write_bytes((ledger.path / "tiles" / "checkpoint").read_bytes())
    grow(ledger, alice, range(199, 299))
    return ledger


def grow(ledger: Ledger, alice: SubmitterSim, numbers: Sequence[int]) -> None:
    batch = [alice.submit(f"m{number}") for number in numbers]
    ledger.append(batch, ClaimVerifierSim(), now=NOW)


def run(
    program: Path, *args: object, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    words = [str(program), *(str(arg) for arg in args)]
    return subprocess.run(words, capture_output=True, check=False, timeout=_PATIENCE, cwd=cwd)


def answer(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] == (done.returncode == 0)
    return found


def tiles(ledger: Ledger) -> tuple[str, ...]:
    return ("--tiles", str(ledger.path / "tiles"), "--vkey-file", str(ledger.path / "log.vkey"))


# --- aics-tlog ------------------------------------------------------------------------------------


def test_aics_tlog_verifies_checkpoint_inclusion_and_consistency(
    grown: Ledger, programs: Path
) -> None:
    tool, where = programs / "aics-tlog", tiles(grown)
    checkpoint = answer(run(tool, "verify-checkpoint", *where))
    assert (checkpoint["size"], checkpoint["log_ok"], checkpoint["tiles_ok"]) == (300, True, True)
    for index in (0, 255, 256, 299):
        assert answer(run(tool, "verify-inclusion", *where, "--index", index))["ok"]
    old = ("--old-checkpoint", grown.path / "old")
    consistency = answer(run(tool, "verify-consistency", *where, *old))
    assert (consistency["old_size"], consistency["new_size"]) == (200, 300)


@pytest.mark.parametrize(
    ("path", "place"), [("tile/0/000", 100), ("tile/entries/001.p/44", 9), ("checkpoint", 30)]
)
def test_aics_tlog_refuses_a_tampered_log(
    grown: Ledger, programs: Path, path: str, place: int
) -> None:
    file = grown.path / "tiles" / path
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(bytes(data))
    done = run(programs / "aics-tlog", "verify-inclusion", *tiles(grown), "--index", 256)
    assert done.returncode != 0


def test_aics_tlog_counts_our_witness_towards_its_quorum(
    grown: Ledger, programs: Path, tmp_path: Path
) -> None:
    (vkey,) = Witness.create(tmp_path / "w", "w.example/one")
    witness = Witness.open(tmp_path / "w", [grown.verifier])
    note = tmp_path / "cosigned"
    note.write_bytes(visit(witness, str(grown.path)).note)
    call = ("verify-checkpoint", "--note", note, "--vkey-file", grown.path / "log.vkey")
    asked = ("--witness-key", vkey, "--max-age", 600)
    good = answer(run(programs / "aics-tlog", *call, *asked, "--quorum", 1))
    assert (good["cosignatures"], good["witnesses"]) == (1, ["w.example/one"])
    assert not answer(run(programs / "aics-tlog", *call, *asked, "--quorum", 2))["ok"]


# --- aics-witness: theirs cosigns us, and feeds ours -----------------------------------------------


@contextmanager
def aics_witness(programs: Path, folder: Path, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Run their witness for our log; gives address and verifier key."""
    folder.mkdir()
    tool, config = programs / "aics-witness", ("--config", folder / "witness.json")
    name, listen = ("--name", "their.example/w"), ("--listen", "127.0.0.1:0")
    made = run(tool, "init", *config, *name, *listen, "--db", "w.db", "--key-file", "w.key")
    assert made.returncode == 0, made.stderr
    added = run(tool, "add-log", *config, "--origin", ledger.origin, "--vkey", ledger.vkey)
    assert added.returncode == 0, added.stderr
    words = [str(tool), "serve", *(str(one) for one in config)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        said = next((line for line in lines if "listening on" in line), "")
        yield said.partition("listening on ")[2].split()[0], made.stdout.decode().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)
        process.stderr.close()


def collect(ledger: Ledger, url: str, vkey: str) -> Collection:
    text = f"log {ledger.vkey}\nwitness theirs {vkey} {url}\nquorum theirs\n"
    with ledger.snapshot() as snapshot:
        head = LogHead(snapshot.head, ledger.verifier, snapshot.nodes)
        return collect_cosignatures(head, parse_policy(text.encode()))


def test_aics_witness_cosigns_our_log_as_it_grows_and_no_second_history(
    ledger: Ledger, alice: SubmitterSim, programs: Path, tmp_path: Path
) -> None:
    grow(ledger, alice, range(9))
    shutil.copytree(ledger.path, tmp_path / "fork")
    with aics_witness(programs, tmp_path / "theirs", ledger) as (url, vkey):
        assert collect(ledger, url, vkey).quorum
        grow(ledger, alice, range(9, 300))
        again = collect(ledger, url, vkey)
        assert again.quorum
        assert keep_cosigned(ledger.home, again.cosigned, ledger.verifier)
        memory = CheckpointMemory(tmp_path / "other")
        with Ledger.open(tmp_path / "fork", memory=memory) as fork:
            rolled_back = collect(fork, url, vkey)
            grow(fork, alice.but(seed=1), range(1000, 1400))
            forked = collect(fork, url, vkey)
    for refused in (rolled_back, forked):
        assert not refused.quorum
        assert refused.contradicted, refused.outcomes
    call = ("verify-checkpoint", *tiles(ledger), "--witness-key", vkey, "--quorum", 1)
    assert answer(run(programs / "aics-tlog", *call))["cosignatures"] == 1


FEEDER = """
import json, sys
from pathlib import Path
from aics_tlog import FileSystemTileReader, consistency_proof_from_tiles
from aics_witness import WitnessClient, WitnessRejected, merge_cosignatures
url, vkey, tiles, *notes = sys.argv[1:]
reader = FileSystemTileReader(tiles)
answers = []
for path in notes:
    note = Path(path).read_bytes()
    with WitnessClient(url, vkey) as client:
        try:
            prove = lambda old, new: consistency_proof_from_tiles(reader, old, new, tile_size=300)
            lines = client.submit(note, prove)
            answers.append(merge_cosignatures(note, lines).decode())
        except WitnessRejected as error:
            answers.append(error.status)
json.dump(answers, sys.stdout)
"""


def test_aics_witness_feeds_our_witness_and_is_refused_a_fork(
    grown: Ledger, programs: Path, tmp_path: Path
) -> None:
    (vkey,) = Witness.create(tmp_path / "w", "w.example/one")
    head = verify_checkpoint((grown.path / "tiles" / "checkpoint").read_bytes(), grown.verifier)
    signer = NoteSigner.parse((grown.path / "log.key").read_text().strip())
    fork = tmp_path / "fork"
    fork.write_bytes(Checkpoint(grown.origin, 300, bytes(32)).sign(signer))
    notes = [grown.path / "old", grown.path / "tiles" / "checkpoint", fork]
    with serving(tmp_path / "w", "--log-key", grown.vkey) as served:
        done = run(
            programs / "python", "-c", FEEDER, served.url, vkey, grown.path / "tiles", *notes
        )
    assert done.returncode == 0, done.stderr
    *good, refused = json.loads(done.stdout)
    witness = [WitnessVerifier.parse(vkey)]
    now = datetime.now(UTC)
    sizes = []
    for note in good:
        cosigned = verify_cosigned(note.encode(), grown.verifier, witness, now)
        assert len(cosigned.cosignatures) == 1
        sizes.append(cosigned.checkpoint.size)
    assert sizes == [200, head.size]
    assert refused == 422


# --- tlog-scales ------------------------------------------------------------------------------------


def test_tlog_scales_reads_and_proves_our_entries(grown: Ledger, programs: Path) -> None:
    tool, place = programs / "tlog-tiles", str(grown.path / "tiles")
    for index in (0, 255, 256, 299):
        leaf = run(tool, "get-leaf", "--check", place, index)
        assert leaf.returncode == 0, leaf.stderr
        assert leaf.stdout == grown.entry(index).body
        proof = run(tool, "gen-proof", place, index).stdout
        assert verify_proof(proof, leaf.stdout, grown.verifier).size == 300


def test_tlog_scales_refuses_a_tampered_tile(grown: Ledger, programs: Path) -> None:
    tile = grown.path / "tiles" / "tile" / "0" / "000"
    hashes = tile.read_bytes()
    tile.write_bytes(hashes[:32] + hashes[32:64] * 255)
    done = run(programs / "tlog-tiles", "get-leaf", "--check", grown.path / "tiles", 7)
    assert done.returncode != 0
    assert b"Invalid" in done.stderr


SCALES = """
import json, sys
from pathlib import Path
from tlog_scales.signing import MLDSA44CosignatureSigner, Vkey
from tlog_scales.tlog import Checkpoint, ConsistencyProof, InclusionProof
from tlog_scales.utils import b64dec
folder = Path(sys.argv[1])
note = Checkpoint.from_text((folder / "cosigned").read_text())
for vkey in (folder / "vkeys").read_text().split():
    note.verify(Vkey.from_string(vkey))
for edited in (dict(size=note.size + 1), dict(root_hash=bytes(32))):
    import dataclasses
    other = dataclasses.replace(note, **edited)
    for vkey in (folder / "vkeys").read_text().split():
        try:
            other.verify(Vkey.from_string(vkey))
        except Exception:
            continue
        sys.exit("a changed checkpoint passed")
signer = MLDSA44CosignatureSigner("scales.example/w", bytes(range(32)))
json.dump({"vkey": signer.vkey.serialize(), "line": signer.sign(note).serialize()}, sys.stdout)
"""


def test_tlog_scales_and_we_agree_on_post_quantum_cosignatures(
    grown: Ledger, programs: Path, tmp_path: Path
) -> None:
    vkeys = Witness.create(tmp_path / "w", "w.example/both", list(CosignatureType))
    cosigned = visit(Witness.open(tmp_path / "w", [grown.verifier]), str(grown.path)).note
    (tmp_path / "cosigned").write_bytes(cosigned)
    (tmp_path / "vkeys").write_text("\n".join((grown.vkey, *vkeys)))
    done = run(programs / "python", "-c", SCALES, tmp_path)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    lines = parse_lines(f"{theirs['line']}\n".encode())
    keys = [WitnessVerifier.parse(one) for one in (*vkeys, theirs["vkey"])]
    note = merge_cosignatures(cosigned, lines)
    found = verify_cosigned(note, grown.verifier, keys, datetime.now(UTC)).cosignatures
    assert [one.witness for one in found] == keys
