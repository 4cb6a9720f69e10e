"""The steps of a model's life that have a build type of ours; nothing heavy is imported here."""

__all__ = ["BUILD_TYPE_PREFIX", "STEPS"]

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
