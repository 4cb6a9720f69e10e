"""The C2SP formats against vectors made from the recursive definitions of RFC 6962."""

import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from weightmark.provenance.ledger import tiles
from weightmark.provenance.ledger.checkpoint import Checkpoint, verify_checkpoint
from weightmark.provenance.ledger.merkle import (
    Frontier,
    NodeReader,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, open_note, split_note
from weightmark.provenance.ledger.proof import format_proof, parse_proof, verify_proof

pytestmark = pytest.mark.needs("vectors")


@pytest.fixture(scope="module")
def known(vectors: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((vectors / "tlog" / "vectors.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def log13(vectors: Path) -> Path:
    return vectors / "tlog" / "log13"


@pytest.fixture(scope="module")
def leaves(known: dict[str, Any]) -> list[bytes]:
    return [leaf_hash(bytes.fromhex(entry)) for entry in known["entries_hex"]]


@pytest.fixture(scope="module")
def nodes(leaves: list[bytes]) -> NodeReader:
    grown = tiles.grow_tiles(lambda _level, _index: b"", 0, leaves)
    return tiles.node_reader(lambda level, index: grown[level, index])


@pytest.fixture(scope="module")
def log_key(known: dict[str, Any]) -> NoteVerifier:
    return NoteVerifier.parse(known["keys"]["log"]["vkey"])


def test_leaf_hashes_and_roots_are_those_of_rfc_6962(
    known: dict[str, Any], leaves: list[bytes], nodes: NodeReader
) -> None:
    assert [leaf.hex() for leaf in leaves] == known["leaf_hashes_hex"]
    frontier = Frontier()
    for size in range(len(leaves) + 1):
        expected = known["roots_hex"][str(size)]
        assert tree_root(nodes, size).hex() == frontier.root().hex() == expected
        if size < len(leaves):
            frontier.push(leaves[size])


def test_inclusion_proofs_are_made_and_verified(
    known: dict[str, Any], leaves: list[bytes], nodes: NodeReader
) -> None:
    for case in known["inclusion"]:
        index, size = case["index"], case["size"]
        proof = inclusion_proof(nodes, index, size)
        assert [one.hex() for one in proof] == case["proof_hex"]
        check_inclusion(leaves[index], index, size, proof, tree_root(nodes, size))


def test_consistency_proofs_are_made_and_verified(known: dict[str, Any], nodes: NodeReader) -> None:
    for case in known["consistency"]:
        old, new = case["old"], case["new"]
        proof = consistency_proof(nodes, old, new)
        assert [one.hex() for one in proof] == case["proof_hex"]
        check_consistency(old, new, tree_root(nodes, old), tree_root(nodes, new), proof)


def test_tile_paths(known: dict[str, Any]) -> None:
    for number, paths in known["paths"].items():
        index = int(number)
        assert tiles.tile_path(tiles.Tile(0, index, 256)) == paths["hash_l0"]
        assert tiles.tile_path(tiles.Tile(2, index, 256)) == paths["hash_l2"]
        assert tiles.bundle_path(tiles.Tile(0, index, 256)) == paths["entries"]
        assert tiles.tile_path(tiles.Tile(0, index, 17)) == paths["partial_17"]


def test_tiles_of_a_size(known: dict[str, Any]) -> None:
    for size, levels in known["tiles_by_size"].items():
        if int(size) > 100_000:
            continue
        expected = [(one["level"], one["full"], one["partial_width"]) for one in levels]
        found = list(tiles.tiles_of_size(int(size)))
        seen = [
            (
                level,
                sum(tile.level == level and tile.width == 256 for tile in found),
                sum(tile.width for tile in found if tile.level == level and tile.width < 256),
            )
            for level in range(max(tile.level for tile in found) + 1)
        ]
        assert seen == expected


def test_entry_bundle_and_hash_tile(known: dict[str, Any], leaves: list[bytes]) -> None:
    entries = [bytes.fromhex(entry) for entry in known["entries_hex"]]
    bundle = tiles.encode_bundle(entries)
    assert bundle.hex() == known["entry_bundle_8_hex"]
    assert tiles.parse_bundle(bundle) == entries
    digest = hashlib.sha256(b"".join(leaves)).hexdigest()
    assert digest == known["hash_tile_0_000_p_8_sha256"]


def test_keys(known: dict[str, Any], log_key: NoteVerifier) -> None:
    key = known["keys"]["log"]
    signer = NoteSigner.parse(key["skey"])
    assert signer == NoteSigner(key["name"], bytes.fromhex(key["seed_hex"]))
    assert signer.skey == key["skey"]
    assert signer.verifier == log_key
    assert log_key.vkey == key["vkey"]
    assert log_key.key_id.hex() == key["key_id_hex"]
    assert log_key.public_key.hex() == key["pub_hex"]


@pytest.mark.parametrize("size", [0, 6, 8])
def test_signed_checkpoints(
    known: dict[str, Any], log_key: NoteVerifier, nodes: NodeReader, size: int
) -> None:
    signer = NoteSigner.parse(known["keys"]["log"]["skey"])
    note = Checkpoint(signer.name, size, tree_root(nodes, size)).sign(signer)
    assert note.decode() == known[f"checkpoint_{size}"]
    assert verify_checkpoint(note, log_key).size == size


def test_a_cosigned_checkpoint_is_read_and_the_witness_line_kept(
    known: dict[str, Any], log_key: NoteVerifier
) -> None:
    note = known["checkpoint_8_cosigned"].encode()
    assert verify_checkpoint(note, log_key).size == 8
    (witness,) = open_note(note, [log_key]).unknown
    assert witness.name == known["keys"]["witness"]["name"]
    assert witness.key_id.hex() == known["keys"]["witness"]["key_id_hex"]


def test_a_post_quantum_line_is_kept_as_unknown(known: dict[str, Any]) -> None:
    line = known["mldsa44"]["line"].encode()
    (parsed,) = split_note(b"text\n\n" + line.rstrip(b"\n") + b"\n")[1]
    assert parsed.key_id.hex() == known["mldsa44"]["key_id_hex"]


def test_a_tlog_proof_round_trips_and_verifies(
    known: dict[str, Any], log_key: NoteVerifier
) -> None:
    data = known["tlog_proof_5_of_8"].encode()
    assert format_proof(parse_proof(data)) == data
    entry = bytes.fromhex(known["entries_hex"][5])
    assert verify_proof(data, entry, log_key).size == 8


def test_the_log_of_13_entries(log13: Path, log_key: NoteVerifier) -> None:
    head = verify_checkpoint((log13 / "checkpoint").read_bytes(), log_key)
    entries = tiles.parse_bundle((log13 / "tile/entries/000.p/13").read_bytes())
    hashes = b"".join(leaf_hash(entry) for entry in entries)
    assert hashes == (log13 / "tile/0/000.p/13").read_bytes()
    nodes = tiles.node_reader(lambda _level, _index: hashes)
    assert tree_root(nodes, 13) == head.root
    for size in (1, 7, 8):
        old = verify_checkpoint((log13 / f"checkpoint.{size}").read_bytes(), log_key)
        assert tree_root(nodes, size) == old.root
        text = (log13 / f"consistency.{size}.txt").read_text().split()
        proof = [b64decode(line) for line in text]
        assert consistency_proof(nodes, size, 13) == proof
        check_consistency(size, 13, old.root, head.root, proof)


def test_the_proof_file_of_the_log_of_13(log13: Path, log_key: NoteVerifier) -> None:
    data = (log13 / "proof.tlog-proof").read_bytes()
    assert parse_proof(data).extra == b"hello"
    assert verify_proof(data, (log13 / "entry.bin").read_bytes(), log_key).size == 13
