"""Python files that a usual loader runs: by their name, or because they define a dataset script.

Any other Python file is no finding: nothing runs it unless a configuration names it.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.paths import base_name

__all__ = ["judge_path_list", "judge_python_file"]

_RUN_BY_NAME = {
    "handler.py": "inference endpoints import it",
    "hubconf.py": "`torch.hub` imports it",
    "sitecustomize.py": "Python imports it when it starts",
    "usercustomize.py": "Python imports it when it starts",
    "diffusers.py": "it takes the place of the library when a component is loaded",
    "transformers.py": "it takes the place of the library when a component is loaded",
}
_RUN_BY_PLACE = (
    (re.compile(r"(?:\A|/)custom_generate/generate\.py\Z"), "`generate` runs it"),
    (re.compile(r"(?:\A|/)\d{1,18}/model\.py\Z"), "Triton's Python backend imports it"),
    (re.compile(r"(?:\A|/)code/inference\.py\Z"), "SageMaker's containers import it"),
)
_CONFIGURATION = re.compile(rb"^custom_imports\s*=", re.MULTILINE)
_PATH_LIST_CODE = re.compile(rb"(?:\A\xef\xbb\xbf|^)(import[ \t][^\r\n]*)", re.MULTILINE)
_SHOWN = 120
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
    inside = path.rpartition("!")[2].replace("\\", "/")
    for place, reason in _RUN_BY_PLACE:
        if found := place.search(inside):
            yield Hit("REP005", f"`{found[0].lstrip('/')}`: {reason}")
    if _CONFIGURATION.search(data):
        yield Hit("REP005", "`custom_imports`: MMEngine runs the configuration and what it names")
    if script := _SCRIPT.search(data):
        yield Hit("REP006", f"`{script[0].decode('ascii', 'replace').strip('( )')}`")


def judge_path_list(data: bytes) -> Iterator[Hit]:
    """Yield each line of a `.pth` file that Python runs when it starts (the module `site`)."""
    for found in _PATH_LIST_CODE.finditer(data.replace(b"\r", b"\n")):
        line = found[1].decode("utf-8", "replace")[:_SHOWN]
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
        yield Hit("REP005", f"a path list of Python: {shown}")
