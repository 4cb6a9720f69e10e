"""One function a parser of what stands beside content: proofs, lists, tables, descriptions, loaded files."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.fuzz.tensor_targets import TENSOR_SEEDS
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.attestations.loading.weights.layout import LENGTH_FIELD, Layout, header_end
from weightmark.attestations.loading.weights.other_formats import OtherWeights
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.file_list import FileList
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.tensors import (
    TENSORS_PREDICATE,
    FileTable,
    TensorPlace,
    TensorsClaim,
)
from weightmark.attestations.predicates.tree import TREE_PREDICATE, TreeClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError
from weightmark.provenance.datasets.card import DatasetCard
from weightmark.provenance.datasets.croissant import Croissant, Verdict
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.membership.proof import MembershipProof, file_tree
from weightmark.provenance.membership.records import RecordKind, record_key, record_tree
from weightmark.provenance.reading.views import MemoryView

_HEX = "ab" * 32
_MANIFEST = Manifest.from_rows([Row("a", 1, _HEX), Row("b/c", 2, "cd" * 32), Row("d", 3, _HEX)])
_LIST = FileList(_MANIFEST, {row.path: _HEX for row in _MANIFEST.rows})
_ROWS = b'{"a": 1}\n{"a": 2}\n{"a": 1}'
_MEMORY = 1 << 20


def membership_proof(data: bytes) -> None:
    """A proof of the true tree tells the truth; there is one spelling of a proof."""
    proof = MembershipProof.parse(data)
    assert MembershipProof.parse(proof.to_bytes()) == proof
    present = proof.check_rows()
    if proof.kind is None and proof.head == file_tree(_MANIFEST).head:
        assert present is (proof.file in {row.path for row in _MANIFEST.rows})
    if proof.is_bound_by_manifest():
        assert proof.manifest
        assert Manifest.parse(proof.manifest.encode()).identity == proof.identity


def tree_claim(data: bytes) -> None:
    claim = TreeClaim.from_statement(Statement.parse(IN_TOTO_PAYLOAD_TYPE, data))
    assert claim.to_predicate() == json.loads(data)["predicate"]


def tensors_claim(data: bytes) -> None:
    """Tables that are read fill their files."""
    claim = TensorsClaim.from_statement(Statement.parse(IN_TOTO_PAYLOAD_TYPE, data))
    assert claim.to_predicate() == json.loads(data)["predicate"]
    for file in claim.files:
        assert file.header_size + sum(one.size for one in file.tensors) == file.size


def compact_manifest(data: bytes) -> None:
    """A claim fits the list that it names, and no other."""
    claim = CompactManifest.from_statement(Statement.parse(IN_TOTO_PAYLOAD_TYPE, data))
    if claim and claim.list_digest == _LIST.digest and claim.identity == _MANIFEST.identity:
        assert claim.with_list(_LIST).manifest == _MANIFEST or claim.count != len(_MANIFEST.rows)


def file_list(data: bytes) -> None:
    """There is one spelling of a list of files."""
    assert FileList.parse(data).text == data


def file_list_line(data: bytes) -> None:
    assert FileList.from_line(data).to_line()


def croissant(data: bytes) -> None:
    """Nothing but the very SHA-256 of a file makes it equal."""
    for one in Croissant.parse(data).compare({"rows.csv": _HEX}):
        if one.verdict is Verdict.EQUAL:
            assert one.file.sha256.lower() == _HEX


def dataset_card(data: bytes) -> None:
    card = DatasetCard.parse(data)
    assert card is None or all(isinstance(one, str) for one in card.licenses)


def dataset_records(data: bytes) -> None:
    """Every line of a file is in its tree, and a line that is not there is not."""
    kind, tree = record_tree(MemoryView(data))
    if kind is RecordKind.JSONL:
        for line in data.removesuffix(b"\n").split(b"\n"):
            (leaf,) = tree.prove(record_key(kind, line))
            assert leaf.row.startswith(record_key(kind, line))


def loaded_layout(data: bytes) -> None:
    """The tensors of a header that is accepted fill the rest of the file."""
    end = header_end(data[:LENGTH_FIELD], len(data))
    layout = Layout.parse(data[:end], len(data))
    assert sum(one.end - one.start for one in layout.tensors.values()) == len(data) - end


def loaded_weights(data: bytes) -> None:
    """What is handed out has the size that its facts say."""
    weights = OtherWeights(bytearray(data), "m", memory_limit=_MEMORY)
    for name, tensor in weights.layout.tensors.items():
        try:
            assert len(weights.read(name)) == tensor.end
        except LimitError:
            assert tensor.end > _MEMORY


def _statement(kind: str, predicate: object) -> bytes:
    subject = {
        "name": "m",
        "mediaType": "application/vnd.weightmark.manifest.v1",
        "digest": {"sha256": _MANIFEST.identity.removeprefix("wm1:")},
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(statement).encode()


def _proof(path: str, *, embedded: bool = True) -> bytes:
    tree = file_tree(_MANIFEST)
    text = _MANIFEST.canonical_bytes.decode() if embedded else None
    leaves = tree.prove(path.encode())
    return MembershipProof(_MANIFEST.identity, path, None, None, tree.head, leaves, text).to_bytes()


def _shard() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ("000.txt", "000.json", "001.txt"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    return out.getvalue()


def _croissant(**members: object) -> bytes:
    file = {"@type": "cr:FileObject", "contentUrl": "rows.csv", "sha256": _HEX}
    document = {"conformsTo": "http://mlcommons.org/croissant/1.1", "distribution": [file]}
    return json.dumps({**document, **members}).encode()


_TABLE = FileTable(
    "m.safetensors", 20, 10, _HEX, (TensorPlace("a", 10, 4, _HEX), TensorPlace("b", 14, 6, _HEX))
)
_TREE = file_tree(_MANIFEST).head
_OTHERS = ("gguf_tensors", "npy_tensors", "npz_tensors", "torch_tensors", "torch_legacy_tensors")

CONTENT_TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            compact_manifest,
            croissant,
            dataset_card,
            dataset_records,
            file_list,
            file_list_line,
            loaded_layout,
            loaded_weights,
            membership_proof,
            tensors_claim,
            tree_claim,
        )
    }
)
"""every target by its name"""

CONTENT_SEEDS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "compact_manifest": (
            _statement(
                MANIFEST_PREDICATE,
                CompactManifest(_MANIFEST.identity, 3, _LIST.digest, links=False).to_predicate(),
            ),
        ),
        "croissant": (_croissant(), _croissant(isLiveDataset=True, license=["MIT"])),
        "dataset_card": (b"---\nlicense: mit\nsource_datasets:\n- x\n---\n# t\n", b"# none"),
        "dataset_records": (_ROWS, _shard()),
        "file_list": (_LIST.text,),
        "file_list_line": (_LIST.to_line(),),
        "loaded_layout": TENSOR_SEEDS["safetensors_tensors"],
        "loaded_weights": tuple(seed for name in _OTHERS for seed in TENSOR_SEEDS[name]),
        "membership_proof": (_proof("a"), _proof("b"), _proof("z", embedded=False)),
        "tensors_claim": (_statement(TENSORS_PREDICATE, TensorsClaim.of([_TABLE]).to_predicate()),),
        "tree_claim": (
            _statement(TREE_PREDICATE, TreeClaim("file", "", 3, _TREE.root.hex()).to_predicate()),
        ),
    }
)
"""target to sound examples; none of them is refused"""
