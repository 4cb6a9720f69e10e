"""What weights say about a claimed step: only a contradiction decides."""

import pytest
from blake3 import blake3

from weightmark.attestations.chain.content import Agreement, compare_sets, compare_step
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


def _plus(table: TensorTable, *rows: tuple[str, tuple[int, ...], str]) -> TensorTable:
    return TensorTable.of([*table.entries, *_table(*rows).entries])


FOREIGN = tuple((f"other.{number}.weight", (8, 4), "x") for number in range(30))


def test_one_fitting_adapter_hides_no_foreign_weights() -> None:
    assert compare_step("finetune", _table(*FOREIGN), BASE).agreement is Agreement.CONTRADICTED
    hidden = _plus(_adapter("a"), *FOREIGN)
    assert compare_step("finetune", hidden, BASE).agreement is Agreement.CONTRADICTED
    assert compare_step("train", hidden, BASE).agreement is Agreement.NOT_CHECKABLE


def test_layers_beside_an_adapter_are_those_of_the_base_or_nobody_says_they_agree() -> None:
    saved = _plus(_adapter("a"), ("base_model.model.b.weight", (4, 8), "trained"))
    assert compare_step("finetune", saved, BASE).agreement is Agreement.CONSISTENT
    wider = _plus(_adapter("a"), ("base_model.model.b.weight", (4, 9), "trained"))
    assert compare_step("finetune", wider, BASE).agreement is Agreement.CONTRADICTED
    head = _plus(_adapter("a"), ("base_model.model.score.weight", (2, 8), "new"))
    assert compare_step("finetune", head, BASE).agreement is Agreement.NOT_CHECKABLE


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((2, 4), (8, 2), Agreement.CONSISTENT),
        ((2, 8), (4, 2), Agreement.CONSISTENT),
        ((2, 4), (8, 3), Agreement.CONTRADICTED),
        ((2, 4), (4, 2), Agreement.CONTRADICTED),
        ((2, 4), None, Agreement.NOT_CHECKABLE),
    ],
    ids=["fits", "transposed", "two ranks", "one side twice", "half"],
)
def test_both_halves_of_an_adapter_have_one_rank(
    first: tuple[int, ...], second: tuple[int, ...] | None, expected: Agreement
) -> None:
    rows = [("a.lora_A.default.weight", first, "x")]
    rows += [("a.lora_B.default.weight", second, "y")] if second else []
    assert compare_step("finetune", _table(*rows), BASE).agreement is expected


QUANTIZED = _table(("a.weight", (8, 4), "q", "I8"), ("b.weight", (4, 8), "q", "I8"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((("a.weight.scale", (8, 1), "s"), ("b.zeros", (4,), "z")), Agreement.CONSISTENT),
        ((("a.weight.hidden", (800, 4), "s"),), Agreement.NOT_CHECKABLE),
        ((("evil.weight", (8, 4), "s"),), Agreement.NOT_CHECKABLE),
        (FOREIGN, Agreement.CONTRADICTED),
        (tuple((f"a.weight.{n}", (8, 4), "x") for n in range(30)), Agreement.CONTRADICTED),
    ],
    ids=["scales", "a scale larger than its weight", "one more", "many more", "many scales"],
)
def test_a_quantization_brings_no_weights_of_its_own(
    more: tuple[tuple[str, tuple[int, ...], str], ...], expected: Agreement
) -> None:
    assert compare_step("quantize", _plus(QUANTIZED, *more), BASE).agreement is expected


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((8, 1), "I32", Agreement.CONSISTENT),
        ((16, 1), "U8", Agreement.CONSISTENT),
        ((16,), "U8", Agreement.CONSISTENT),
        ((1, 1), "I32", Agreement.CONTRADICTED),
        ((2, 1), "I32", Agreement.CONTRADICTED),
        ((8, 0), "U8", Agreement.CONTRADICTED),
        ((16, 1), "F16", Agreement.CONTRADICTED),
    ],
)
def test_no_more_than_eight_numbers_are_packed_into_one(
    shape: tuple[int, ...], dtype: str, expected: Agreement
) -> None:
    made = _table(("a.weight", shape, "q", dtype), ("b.weight", (4, 8), "q", "I8"))
    assert compare_step("quantize", made, BASE).agreement is expected


CHANGED = _table(("a.weight", (8, 4), "EVIL"), ("b.weight", (4, 8), "b"), ("b.bias", (4,), "c"))
STRANGE = _table(("other.weight", (8, 4), "a"))


@pytest.mark.parametrize("step", ["ingest", "convert", "package"])
def test_a_copy_of_the_parent_beside_other_weights_does_not_hide_them(step: str) -> None:
    for order in ((BASE, CHANGED), (CHANGED, BASE)):
        assert compare_sets(step, order, [BASE]).agreement is Agreement.CONTRADICTED
    assert compare_sets(step, [BASE, BASE], [BASE]).agreement is Agreement.CONSISTENT
    assert compare_sets(step, [BASE, CHANGED], [BASE, CHANGED]).agreement is Agreement.CONSISTENT


def test_where_only_some_sets_fit_a_fine_tune_it_could_not_be_checked() -> None:
    assert compare_sets("finetune", [BASE, STRANGE], [BASE]).agreement is Agreement.OPEN
    assert compare_sets("finetune", [STRANGE, STRANGE], [BASE]).agreement is Agreement.CONTRADICTED
    assert compare_sets("finetune", [BASE, BASE], [BASE]).agreement is Agreement.CONSISTENT


def test_more_sets_than_are_compared_are_never_good() -> None:
    many = [BASE] * 1025
    assert compare_sets("ingest", many, [BASE]).agreement is Agreement.OPEN
