"""What weights say about a claimed step: only a contradiction decides."""

import pytest
from blake3 import blake3

from weightmark.attestations.chain.content import Agreement, compare_step
from weightmark.provenance.tensors import TensorEntry, TensorTable


def _table(
    *rows: tuple[str, tuple[int, ...], str] | tuple[str, tuple[int, ...], str, str],
) -> TensorTable:
    return TensorTable.of(
        TensorEntry(name, more[0] if more else "F32", shape, 4, blake3(value.encode()).hexdigest())
        for name, shape, value, *more in rows
    )


BASE = _table(("a.weight", (8, 4), "a"), ("b.weight", (4, 8), "b"), ("b.bias", (4,), "c"))


@pytest.mark.parametrize(
    ("step", "made", "expected"),
    [
        ("convert", BASE, Agreement.CONSISTENT),
        ("convert", _table(("x", (8, 4), "a"), ("y", (4, 8), "b"), ("z", (4,), "c")), Agreement.CONSISTENT),
        ("convert", _table(("a.weight", (8, 4), "EVIL"), ("b.weight", (4, 8), "b"), ("b.bias", (4,), "c")), Agreement.CONTRADICTED),
        ("package", _table(("a.weight", (8, 4), "a")), Agreement.CONTRADICTED),
        ("ingest", BASE, Agreement.CONSISTENT),
        ("ingest", _table(("a.weight", (8, 4), "EVIL"), ("b.weight", (4, 8), "b"), ("b.bias", (4,), "c")), Agreement.CONTRADICTED),
        ("finetune", _table(("a.weight", (8, 4), "a"), ("b.weight", (4, 8), "new")), Agreement.CONSISTENT),
        ("finetune", _table(("a.weight", (8, 4), "n"), ("b.weight", (4, 8), "n")), Agreement.NOT_CHECKABLE),
        ("finetune", _table(("other.weight", (8, 4), "a")), Agreement.CONTRADICTED),
        ("finetune", _table(("a.weight", (16, 4), "n"), ("b.weight", (16, 8), "n")), Agreement.CONTRADICTED),
        ("quantize", _table(("a.weight", (8, 4), "q", "I8"), ("b.weight", (4, 8), "q", "I8")), Agreement.CONSISTENT),
        ("quantize", _table(("a.weight", (8, 2), "q", "U8"), ("b.weight", (4, 4), "q", "U8")), Agreement.CONSISTENT),
        ("quantize", _table(("a.weight", (9, 4), "q", "I8"), ("b.weight", (4, 8), "q", "I8")), Agreement.CONTRADICTED),
        ("quantize", _table(("blk.0", (8, 4), "q", "I8")), Agreement.NOT_CHECKABLE),
        ("merge", _table(("a.weight", (8, 4), "m"), ("b.weight", (4, 8), "m"), ("b.bias", (4,), "m")), Agreement.CONSISTENT),
        ("merge", _table(("a.weight", (8, 2), "m", "U8"), ("b.weight", (4, 8), "m")), Agreement.CONTRADICTED),
        ("train", BASE, Agreement.NOT_CHECKABLE),
        ("finetune", _table(), Agreement.NOT_CHECKABLE),
    ],
)  # fmt: skip
def test_each_step_is_held_against_the_bytes(
    step: str, made: TensorTable, expected: Agreement
) -> None:
    assert compare_step(step, made, BASE).agreement is expected


def _adapter(module: str, rows: int = 2, columns: int = 4) -> TensorTable:
    prefix = f"base_model.model.{module}"
    return _table(
        (f"{prefix}.lora_A.weight", (rows, columns), "x"),
        (f"{prefix}.lora_B.weight", (8, rows), "y"),
    )


def test_an_adapter_fits_its_base() -> None:
    assert compare_step("finetune", _adapter("a"), BASE).agreement is Agreement.CONSISTENT


@pytest.mark.parametrize(
    "made", [_adapter("other"), _adapter("a", columns=5)], ids=["module", "shape"]
)
def test_an_adapter_of_another_base_is_contradicted(made: TensorTable) -> None:
    assert compare_step("finetune", made, BASE).agreement is Agreement.CONTRADICTED
