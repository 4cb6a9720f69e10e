"""Python files that a usual loader runs: by their name, or because they define a dataset script.

Any other Python file is no finding: nothing runs it unless a configuration names it.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.paths import base_name

__all__ = ["judge_python_file"]

_RUN_BY_NAME = {
    "handler.py": "inference endpoints import it",
    "hubconf.py": "`torch.hub` imports it",
    "sitecustomize.py": "Python imports it when it starts",
    "usercustomize.py": "Python imports it when it starts",
    "diffusers.py": "it takes the place of the library when a component is loaded",
    "transformers.py": "it takes the place of the library when a component is loaded",
}
_SCRIPT = re.compile(
    rb"\b(GeneratorBasedBuilder|ArrowBasedBuilder|BeamBasedBuilder|DatasetBuilder)\b"
    rb"|\(\s*evaluate\.(Metric|Measurement|Comparison)\s*\)|\(\s*datasets\.Metric\s*\)"
)
_CODE = re.compile(rb"^\s*[^#\s]", re.MULTILINE)


def judge_python_file(path: str, data: bytes) -> Iterator[Hit]:
    """Yield why a loader would run the Python file at `path`."""
    name = base_name(path)
    if not name.endswith(".py") or not _CODE.search(data):
        return
    if name in _RUN_BY_NAME:
        yield Hit("REP005", f"`{name}`: {_RUN_BY_NAME[name]}")
    elif path.rpartition("!")[2].endswith("custom_generate/generate.py"):
        yield Hit("REP005", "`custom_generate/generate.py`: `generate` runs it")
    if script := _SCRIPT.search(data):
        yield Hit("REP006", f"`{script[0].decode('ascii', 'replace').strip('( )')}`")
