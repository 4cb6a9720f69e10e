"""The proof document `weightmark/membership/v1`: what it says, and whether its rows prove it.

Whether the tree belongs to the identity is another question: the manifest in the proof answers it
for files, a signed claim (`weightmark.attestations.verifying.membership`) for files and records.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Self

from weightmark.errors import MalformedError, NewerSchemaError, ProofRefusedError
from weightmark.provenance.manifest import Manifest, parse_identity
from weightmark.provenance.membership.records import RecordKind, row_key
from weightmark.provenance.membership.tree import Leaf, SortedTree, TreeHead, check_leaves
from weightmark.provenance.names import escape_path, sort_key, unescape_path
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["MARK_ESCAPED", "MAX_PROOF_SIZE", "SCHEMA", "MembershipProof", "file_tree"]

SCHEMA = "weightmark/membership/v1"
MARK_ESCAPED = r"\x21"
"""how a `!` in the path of a file is written, because it stands before a record"""
MAX_PROOF_SIZE = 4 * 1024 * 1024
"""bytes of a proof document"""
_FIELDS = frozenset(
    ["schema", "identity", "file", "kind", "record", "tree", "rows", "manifest", "claim"]
)
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_PATH = 64
_FILE = "file"


def file_tree(manifest: Manifest) -> SortedTree:
    """Return the tree over the lines of a manifest, by path."""
    keys = (sort_key(row.path) for row in manifest.rows)
    return SortedTree.of(zip(keys, manifest.lines, strict=True))


@dataclass(frozen=True)
class MembershipProof:
    """A proof as it was read; nothing is proven before `check_rows`, and nothing bound before its root is."""

    identity: str
    """`wm1:…` of the artifact"""
    file: str
    """path of the file, unescaped"""
    record: str | None
    """SHA-256 of the line, hex, or the key of the sample; None when the file itself is the member"""
    kind: RecordKind | None
    """what the records are; None when the file itself is the member"""
    head: TreeHead
    """the tree of the manifest's lines, or of the file's records"""
    leaves: tuple[Leaf, ...]
    """the member's row, or its neighbours"""
    manifest: str | None = field(default=None, repr=False)
    """the canonical manifest, which shows by itself that the tree is the identity's"""
    claim: Mapping[str, Any] | None = field(default=None, repr=False)
    """a bundle in which somebody states the root of the tree"""

    @property
    def member(self) -> str:
        """What the proof is about, for a person."""
        path = escape_path(self.file).replace("!", MARK_ESCAPED)
        return path if self.record is None else f"{path}!{self.record}"

    @property
    def key(self) -> bytes:
        """The key of the member in the tree."""
        return sort_key(self.file) if self.record is None else self.record.encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof document; raises `MalformedError`, `NewerSchemaError` and `LimitError`."""
        fields = parse_object(data, what="the proof", max_size=MAX_PROOF_SIZE)
        schema = fields.get("schema")
        if schema != SCHEMA:
            if isinstance(schema, str) and schema.startswith("weightmark/membership/"):
                raise NewerSchemaError(f"the proof is a `{schema[:80]}`", fix="update weightmark")
            raise MalformedError("the document is no membership proof")
        if set(fields) != _FIELDS:
            raise MalformedError("the proof has other fields than its format")
        file, record, manifest = fields["file"], fields["record"], fields["manifest"]
        if not isinstance(file, str) or not isinstance(fields["identity"], str):
            raise MalformedError("the proof has fields of the wrong type")
        if not isinstance(record, str | None) or not isinstance(manifest, str | None):
            raise MalformedError("the proof has fields of the wrong type")
        kind = _parse_kind(fields["kind"], record)
        if not isinstance(fields["claim"], dict | None):
            raise MalformedError("the claim in the proof is no bundle")
        return cls(
            parse_identity(fields["identity"]),
            unescape_path(file),
            record,
            kind,
            _parse_head(fields["tree"]),
            _parse_leaves(fields["rows"]),
            manifest,
            fields["claim"],
        )

    def to_bytes(self) -> bytes:
        """Return the document, canonical JSON and a line feed."""
        document = {
            "schema": SCHEMA,
            "identity": self.identity,
            "file": escape_path(self.file),
            "kind": self.kind.value if self.kind else _FILE,
            "record": self.record,
            "tree": {"size": self.head.size, "root": self.head.root.hex()},
            "rows": [
                {
                    "index": leaf.index,
                    "row": leaf.row.decode().removesuffix("\n"),
                    "path": [one.hex() for one in leaf.path],
                }
                for leaf in self.leaves
            ],
            "manifest": self.manifest,
            "claim": self.claim,
        }
        return canonical_json(document) + b"\n"

    def check_rows(self) -> bool:
        """Tell whether the member is in the tree (True) or is not (False); raises `ProofRefusedError` when neither is shown."""
        return check_leaves(
            self.head, self.key, [(self._key_of(leaf.row), leaf) for leaf in self.leaves]
        )

    def is_bound_by_manifest(self) -> bool:
        """Tell whether the proof carries the manifest of its identity, and the tree is that manifest's.

        False without a manifest; raises `ProofRefusedError` when it is another one.
        """
        if self.manifest is None:
            return False
        manifest = Manifest.parse(self.manifest.encode())
        if manifest.identity != self.identity:
            raise ProofRefusedError(
                "the manifest in the proof is that of another artifact",
                why=f"it has the identity `{manifest.identity}`",
            )
        if self.kind is not None or file_tree(manifest).head != self.head:
            raise ProofRefusedError("the tree of the proof is not the tree of its manifest")
        return True

    def _key_of(self, row: bytes) -> bytes:
        if self.kind is not None:
            return row_key(self.kind, row)
        (only,) = Manifest.parse(b"weightmark-manifest/v1\n" + row).rows
        return sort_key(only.path)


def _parse_kind(value: object, record: str | None) -> RecordKind | None:
    if value == _FILE and record is None:
        return None
    try:
        kind = RecordKind(str(value))
    except ValueError:
        raise MalformedError("the proof is of no known kind") from None
    if record is None or (kind is RecordKind.JSONL and not _HASH.fullmatch(record)):
        raise MalformedError("the proof names no record of its kind")
    if kind is RecordKind.WEBDATASET and "." in record.rpartition("/")[2]:
        raise MalformedError("the record of the proof is no key of a sample")
    return kind


def _parse_head(value: object) -> TreeHead:
    if not isinstance(value, dict) or set(value) != {"size", "root"}:
        raise MalformedError("the tree of the proof has other fields than its format")
    size, root = value["size"], value["root"]
    if type(size) is not int or size < 1 or not isinstance(root, str) or not _HASH.fullmatch(root):
        raise MalformedError("the tree of the proof has fields of the wrong type")
    return TreeHead(size, bytes.fromhex(root))


def _parse_leaves(value: object) -> tuple[Leaf, ...]:
    if not isinstance(value, list) or len(value) not in (1, 2):
        raise MalformedError("the proof holds neither one row nor two")
    return tuple(_parse_leaf(one) for one in value)


def _parse_leaf(value: object) -> Leaf:
    if not isinstance(value, dict) or set(value) != {"index", "row", "path"}:
        raise MalformedError("a row of the proof has other fields than its format")
    index, row, path = value["index"], value["row"], value["path"]
    if type(index) is not int or index < 0 or not isinstance(row, str) or "\n" in row:
        raise MalformedError("a row of the proof has fields of the wrong type")
    if not isinstance(path, list) or len(path) > _MOST_PATH:
        raise MalformedError("the path of a row is no list of hashes")
    if not all(isinstance(one, str) and _HASH.fullmatch(one) for one in path):
        raise MalformedError("the path of a row is no list of hashes")
    return Leaf(index, f"{row}\n".encode(), tuple(bytes.fromhex(one) for one in path))
