"""The words for steps and for statements that callers use; nothing heavy is imported here."""

__all__ = ["BUILD_TYPE_PREFIX", "BY_HAND", "STEPS"]

BUILD_TYPE_PREFIX = "https://weightmark/buildtypes/"
"""how the build types that `record` writes begin: `https://weightmark/buildtypes/finetune/v1`"""
STEPS = (
    "ingest",
    "preprocess",
    "train",
    "finetune",
    "merge",
    "quantize",
    "convert",
    "evaluate",
    "package",
)
"""kinds of steps, in the order of a model's life"""
BY_HAND = (
    "approval",
    "provenance",
    "vsa",
    "svr",
    "test-result",
    "scai",
    "vulns",
    "release",
    "reference",
    "link",
    "cyclonedx",
    "spdx",
    "dataset",
    "classification",
    "deployment",
)
"""short names of predicate types that `attest` takes, as in the registry of predicates"""
