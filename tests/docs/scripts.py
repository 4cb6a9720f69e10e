"""The scripts of tools/ as modules, for tests of what they write."""

import importlib.util
import sys
from types import ModuleType

from tests.docs.tours import ROOT


def script(name: str) -> ModuleType:
    """Load a script of tools/, with the scripts beside it on its path."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return module
