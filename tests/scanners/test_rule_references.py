"""The ids that rules refer to: of a known form, and each advisory one that somebody has read."""

import re

import pytest

from weightmark.scanners.rules.catalogue import catalogue

FORM = re.compile(r"CWE-[1-9]\d{0,3}|CVE-20\d\d-\d{4,6}|GHSA(-[2-9cfghjmpqrvwx]{4}){3}")
FORMATS = {"safetensors format"}
READ = {
    "CVE-2022-25882": ("ONX001", "onnx: external data with `..`"),
    "CVE-2023-47248": ("ARW001", "pyarrow: an extension type that is unpickled with the schema"),
    "CVE-2024-21825": ("GGF001", "llama.cpp: arrays and texts of a GGUF file"),
    "CVE-2024-21836": ("GGF001", "llama.cpp: the number of tensors of a GGUF file"),
    "CVE-2024-27318": ("ONX001", "onnx: external data, after the first correction"),
    "CVE-2024-27322": ("RDS001", "R: a promise in serialized data"),
    "CVE-2024-34359": ("TPL001", "llama-cpp-python: chat templates without a sandbox"),
    "CVE-2024-3660": ("KER001", "Keras: Lambda layers"),
    "CVE-2024-37065": ("SKO001", "skops: unknown types, trusted without a look"),
    "CVE-2025-12058": ("KER003", "Keras: the vocabulary of `StringLookup`"),
    "CVE-2025-1550": ("KER002", "Keras: modules and functions in `config.json`"),
    "CVE-2025-53630": ("GGF001", "llama.cpp: sizes in `gguf_init_from_file_impl`"),
    "CVE-2025-54412": ("SKO003", "skops: `OperatorFuncNode` builds what it does not name"),
    "CVE-2025-54413": ("SKO003", "skops: `MethodNode` reaches what it does not name"),
    "CVE-2025-8747": ("KER002", "Keras: `get_file`, which is Keras's own"),
    "CVE-2026-1669": ("HDF001", "Keras: external storage of HDF5"),
}
"""advisory, the rule that refers to it, and what it is about"""


@pytest.mark.parametrize("rule", catalogue())
def test_references_have_a_known_form_and_are_given_once(rule: str) -> None:
    references = catalogue()[rule].references
    assert len(set(references)) == len(references)
    assert all(FORM.fullmatch(one) or one in FORMATS for one in references), references


def test_each_advisory_was_read() -> None:
    named = {
        (one, rule.id)
        for rule in catalogue().values()
        for one in rule.references
        if one.startswith(("CVE", "GHSA"))
    }
    assert named == {(one, rule) for one, (rule, _) in READ.items()}
