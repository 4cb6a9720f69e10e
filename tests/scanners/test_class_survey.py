"""The survey of sources: what loading an object of a class reaches."""

from pathlib import Path
from textwrap import dedent

import pytest

from tools.allowlist.class_survey import Survey
from tools.allowlist.source_index import Sources
from tools.allowlist.survey import survey_module

ACTS = {
    "a file that goes away": """
        import os
        class Thing:
            def __del__(self):
                self.close()
            def close(self):
                self._remove()
            def _remove(self):
                os.remove(self.path)
        """,
    "a constructor that state reaches": """
        from os import makedirs as make
        class Thing:
            def __init__(self, path):
                make(path)
            def __setstate__(self, state):
                self.__init__(*state["args"])
        """,
    "a function of the module": """
        class Thing:
            def __setstate__(self, state):
                restore(state)
        def restore(state):
            return eval(state["code"])
        """,
    "a base of another module": """
        from lab.bases import Base
        class Thing(Base):
            def close(self):
                super().close()
        """,
    "an item": "import pickle\nclass Thing(dict):\n    def __setitem__(self, k, v):\n        pickle.loads(v)\n",
    "a method of a list": "import subprocess as s\nclass Thing(list):\n    def append(self, x):\n        s.run(x)\n",
    "a property that a slot sets": """
        class Thing:
            @property
            def path(self):
                return self._path
            @path.setter
            def path(self, value):
                self._file = open(value)
        """,
    "a property that a method reads": """
        class Thing:
            @property
            def model(self):
                import importlib
                return importlib.import_module(self.name)
            def __hash__(self):
                return hash(self.model)
        """,
    "a function that is handed over": """
        import os
        class Thing:
            def __del__(self):
                list(map(os.unlink, self.files))
        """,
    "a class of its package": """
        from lab.bases import Base
        class Thing:
            def __setstate__(self, state):
                self.inner = Base(state)
        """,
    "a method of any object": "class Thing:\n    def __del__(self):\n        self.folder.rmtree()\n",
    "an import inside": """
        class Thing:
            def __getattr__(self, name):
                import socket
                return socket.create_connection((self.host, 80))
        """,
}
UNKNOWN = {
    "a call of what it was given": "class Thing:\n    def __setstate__(self, state):\n        state['f']()\n",
    "a base of which no source is there": "import native\nclass Thing(native.Base):\n    pass\n",
    "a metaclass": "class Meta(type):\n    pass\nclass Thing(metaclass=Meta):\n    pass\n",
    "a decorator": "def change(cls):\n    return cls\n@change\nclass Thing:\n    pass\n",
    "a change of the module": "STATE = {}\nclass Thing:\n    def __del__(self):\n        STATE['x'] = 1\n",
    "a method of an attribute": "class Thing:\n    def __del__(self):\n        self.engine.dispose()\n",
}
CLEARED = {
    "nothing of its own": ("class Thing:\n    pass\n", "()"),
    "a state that it keeps": (
        "class Thing:\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n",
        "()",
    ),
    "numbers": (
        "import numpy as np\nclass Thing:\n    def __setstate__(self, s):\n        self.a = np.asarray(s['a'])\n",
        "()",
    ),
    "a constructor that is not reached": (
        "class Thing:\n    def __init__(self, path):\n        self.file = open(path)\n",
        "",
    ),
    "a named tuple": (
        "from collections import namedtuple\nThing = namedtuple('Thing', 'a b')\n",
        "()",
    ),
}
BASES = """
import os
class Base:
    def __init__(self, path):
        self.path = path
    def __del__(self):
        self.close()
    def close(self):
        os.close(self.fd)
"""


def mark(folder: Path, source: str) -> str | None:
    package = folder / "lab"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bases.py").write_text(BASES)
    (package / "models.py").write_text(dedent(source))
    sources = Sources([folder])
    return survey_module(sources, Survey(sources, frozenset()), "lab.models").get("Thing")


@pytest.mark.parametrize("case", ACTS)
def test_what_reaches_out_acts(case: str, tmp_path: Path) -> None:
    assert mark(tmp_path, ACTS[case]) == "!"


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_followed_is_not_cleared(case: str, tmp_path: Path) -> None:
    assert mark(tmp_path, UNKNOWN[case]) == "?"


@pytest.mark.parametrize("case", CLEARED)
def test_what_computes_and_keeps_is_cleared(case: str, tmp_path: Path) -> None:
    source, expected = CLEARED[case]
    assert mark(tmp_path, source) == expected
