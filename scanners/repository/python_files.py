"""Python files that a usual loader runs: by their name, or because they define a dataset script.

Any other Python file is no finding: nothing runs it unless a configuration names it.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.findings import Severity
from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.installer_scripts import judge_installer
from weightmark.scanners.repository.paths import base_name
from weightmark.scanners.repository.python_configs import why_a_configuration_runs

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
_SERVED = re.compile(
    rb"^(?:async[ \t]+)?def[ \t]+(?:model_fn|predict_fn|transform_fn)\b", re.MULTILINE
)
_REACHING = re.compile(
    rb"\b(?:os\.system|os\.popen|os\.exec\w*|subprocess|socket|urllib|requests|httpx|exec|eval|compile"
    rb"|__import__|importlib|base64|marshal|ctypes|cmdclass)\b"
)
"""what a script of an installation needs for more than a list of packages; it only explains"""
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
    if name == "inference.py" and "/" not in inside and _SERVED.search(data):
        yield Hit("REP005", "`inference.py`: SageMaker's containers import it")
    if name == "setup.py" and inside == name:
        yield _installer(data)
        yield from (Hit("REP014", f"`setup.py` {said}"[:_SHOWN]) for said in judge_installer(data))
    if said := why_a_configuration_runs(name, data):
        yield Hit("REP005", f"detectron2 or MMEngine runs the configuration: {said}")
    if script := _SCRIPT.search(data):
        yield Hit("REP006", f"`{script[0].decode('ascii', 'replace').strip('( )')}`")


def _installer(data: bytes) -> Hit:
    """Return the finding for a `setup.py`, which `pip install .` runs."""
    reached = sorted({found[0].decode() for found in _REACHING.finditer(data)})
    if not reached:
        return Hit("REP011", "`setup.py`", Severity.INFO)
    return Hit("REP011", f"`setup.py`, which mentions {', '.join(reached)}"[:_SHOWN])


def judge_path_list(data: bytes) -> Iterator[Hit]:
    """Yield each line of a `.pth` file that Python runs when it starts (the module `site`)."""
    for found in _PATH_LIST_CODE.finditer(data.replace(b"\r", b"\n")):
        line = found[1].decode("utf-8", "replace")[:_SHOWN]
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
        yield Hit("REP005", f"a path list of Python: {shown}")
