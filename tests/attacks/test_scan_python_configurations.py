"""Python files that are configurations or scripts of an installation, and lists of packages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan
from weightmark.scanners.repository.package_lists import judge_package_list
from weightmark.scanners.repository.python_configs import why_a_configuration_runs
from weightmark.scanners.scan import FileScan, Severity

LAZY = "from detectron2.config import LazyCall as L\n"
BASED = "_base_ = ['base.py']\n"


def _worst(found: FileScan) -> Severity | None:
    return max((finding.severity for finding in found.findings), default=None)


HOSTILE = {
    "lazy call of a function": f"{LAZY}import os\nmodel = L(os.system)(command='echo x')\n",
    "import of a library's library": f"{LAZY}from torch.hub import load\nmodel = L(load)('x/y')\n",
    "function by its name": f"{BASED}x = open('x').read()\n",
    "type that is a path": f"{BASED}model = dict(type='subprocess.Popen', args=['echo'])\n",
    "type in a table": f"{BASED}model = {{'type': 'os.system'}}\n",
    "type by a variable": f"{BASED}kind = 'os.system'\nmodel = dict(type=kind)\n",
    "type by a variable set twice": f"{BASED}kind = 'A'\nkind = 'os.system'\nmodel = dict(type=kind)\n",
    "type put together": f"{BASED}model = dict(type='os.' + 'system')\n",
    "type through a library": f"{BASED}model = dict(type='mmdet.models.os.system')\n",
    "dunder": f"{BASED}x = ().__class__\n",
    "class": f"{BASED}class A:\n    pass\n",
    "decorator": f"{BASED}@run\ndef f():\n    return 1\n",
    "lambda": f"{BASED}f = lambda: 1\n",
    "walrus": f"{BASED}x = (y := 1)\n",
    "imports of its own": "custom_imports = dict(imports=['x'])\n",
    "imports of its own in a table": f"{BASED}c = dict(custom_imports=dict(imports=['x']))\n",
    "reads a base and more": "with read_base():\n    from .a import *\nimport subprocess\n",
    "what Python can't parse": f"{BASED}x = (\n",
    "no mark, and a command at once": "import os\nos.system('echo x')\nmodel = {}\n",
    "no mark, and code in a branch": "if 1:\n    exec('1')\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_configuration_that_does_more_than_state_values_is_refused(case: str) -> None:
    found = scan(HOSTILE[case].encode(), name="configs/config.py")
    assert {finding.rule for finding in found.findings} == {"REP005"}, found
    assert _worst(found) is Severity.HIGH


HONEST = {
    "detectron2": f"{LAZY}from detectron2.modeling.backbone import BasicStem, ResNet\nimport torch.nn as nn\n"
    "from .common.coco import dataloader\nmodel = L(ResNet)(stem=L(BasicStem)(channels=3), act=nn.ReLU())\n"
    "model.depth = 50\ndataloader.train.total = [1] * 3\n",
    "MMDetection": f"{BASED}dataset_type = 'CocoDataset'\nroot = 'data/coco/'\n"
    "model = dict(type='FasterRCNN', backbone=dict(type='mmdet.ResNet', depth=50))\n"
    "data = dict(train=dict(type=dataset_type, file=root + 'a.json'))\nlr = 0.02 / 8\n"
    "logs = [dict(type='Text', name=f'{i}') for i in range(2)]\n",
    "values of a base": f"{BASED}model = dict(head=dict(_delete_=True, n={{{{_base_.classes}}}}))\n",
    "MMEngine": "from mmengine.config import read_base\nwith read_base():\n    from .a import *\nmodel['a'] = 1\n",
    "a module of settings": "import os\nHOME = os.environ.get('HOME')\ndef run():\n    os.system('echo x')\n",
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_configuration_that_states_values_is_quiet(case: str) -> None:
    assert scan(HONEST[case].encode(), name="config.py").findings == ()


def test_scripts_that_use_these_libraries_are_no_configurations() -> None:
    script = "from detectron2.config import LazyConfig\nimport os\ncfg = LazyConfig.load('x')\nos.system('x')\n"
    assert scan(script.encode(), name="tools/train.py").findings == ()


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_configurations(tail: bytes) -> None:
    why_a_configuration_runs("config.py", b"_base_ = []\n" + tail)


def test_served_script_is_refused_only_where_it_defines_what_is_served() -> None:
    served = b"def model_fn(folder):\n    return 1\n"
    assert _worst(scan(served, name="inference.py")) is Severity.HIGH
    assert scan(b"def main():\n    return 1\n", name="inference.py").findings == ()
    assert scan(served, name="scripts/inference.py").findings == ()


def test_script_of_an_installation_is_told() -> None:
    quiet = scan(b"from setuptools import setup\nsetup(name='x')\n", name="setup.py")
    assert [(one.rule, one.severity) for one in quiet.findings] == [("REP011", Severity.INFO)]
    loud = scan(b"import subprocess\nsubprocess.run(['git', 'describe'])\n", name="setup.py")
    assert _worst(loud) is Severity.MEDIUM
    assert "subprocess" in loud.findings[0].detail
    assert scan(b"import subprocess\n", name="vendor/setup.py").findings == ()


PIN = "a" * 40
USUAL, TORCH = ".".join(["pypi", "org"]), ".".join(["download", "pytorch", "org"])
LINES: dict[str, Severity | None] = {
    "torch>=2  # a comment with https://x": None,
    "numpy[all]==1.0; python_version < '3'": None,
    f"--extra-index-url https://{TORCH}/whl/cu121": None,
    f"--index-url=https://{USUAL}/simple": None,
    f"torch @ https://{TORCH}/whl/cpu/torch-2.whl": None,
    "-r other.txt": None,
    "torch \\\n  --hash=sha256:00": None,
    f"git+https://github.com/huggingface/transformers@{PIN}": Severity.INFO,
    f"x @ https://example.com/x.whl#sha256={'0' * 64}": Severity.INFO,
    "git+https://github.com/huggingface/transformers": Severity.LOW,
    "-e .": Severity.LOW,
    "./wheels/x-1.0-py3-none-any.whl": Severity.LOW,
    "--extra-index-url https://example.com/simple": Severity.MEDIUM,
    f"-i http://{USUAL}/simple": Severity.MEDIUM,
    f"--index-url https://{USUAL}.example.com/simple": Severity.MEDIUM,
    "--find-links https://example.com/x": Severity.MEDIUM,
    "--trusted-host example.com": Severity.MEDIUM,
    "x @ https://example.com/x.whl": Severity.MEDIUM,
    f"git+http://github.com/x/y@{PIN}": Severity.MEDIUM,
    "x @ file:///tmp/x": Severity.MEDIUM,
    "../x": Severity.MEDIUM,
    "-r https://example.com/r.txt": Severity.MEDIUM,
    "-r ../../r.txt": Severity.MEDIUM,
    "--index-url \\\n https://example.com/simple": Severity.MEDIUM,
}


@pytest.mark.parametrize("line", LINES)
def test_package_from_elsewhere_is_told(line: str) -> None:
    found = scan(f"numpy\n{line}\n".encode(), name="code/requirements-gpu.txt")
    assert _worst(found) is LINES[line], found
    assert {finding.rule for finding in found.findings} <= {"REP010"}
    wide = scan(f"numpy\n{line}\n".encode("utf-16"), name="requirements.txt")
    assert _worst(wide) is LINES[line]


def test_environment_is_judged_by_channels_packages_and_variables() -> None:
    quiet = "channels: [conda-forge, nvidia/label/cuda-12.1]\ndependencies:\n- python=3.11\n- pip:\n  - mlflow\n"
    assert scan(quiet.encode(), name="conda.yaml").findings == ()
    for line, weight in (
        ("channels: [https://example.com/c]", Severity.HIGH),
        ("channels: [somebody]", None),
        ("dependencies: [{pip: [git+http://example.com/x]}]", Severity.HIGH),
        ("build_dependencies: ['x @ http://example.com/x.whl']", Severity.HIGH),
        ("variables: {LD_PRELOAD: x.so}", Severity.MEDIUM),
    ):
        for name in ("conda.yaml", "python_env.yaml"):
            assert _worst(scan(line.encode(), name=name)) is weight, line
        by_hand = min(weight, Severity.MEDIUM) if weight else None
        assert _worst(scan(line.encode(), name="environment.yml")) is by_hand, line


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_package_lists(text: str) -> None:
    assert all(hit.rule == "REP010" for hit in judge_package_list(text))
