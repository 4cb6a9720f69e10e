"""Pack functions that dill and cloudpickle carry by value into `function_pickles.zip`; they only echo.

Run it inside an environment that holds both: python tests/assets/make_function_pickles.py
"""

import pickle
import zipfile
from pathlib import Path

import cloudpickle
import dill

ASSET = Path(__file__).with_name("function_pickles.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
SOURCE = """
import os
LIMIT = 3
def plain(x): return os.system('echo ' + str(x))
def closed():
    secret = 'echo closed'
    def inner(): return os.system(secret)
    return inner
class Runner:
    greeting = 'echo class'
    def __init__(self): self.n = LIMIT
    def run(self): return os.system(self.greeting)
doubled = lambda x: x * LIMIT
"""


def main() -> None:
    """Write each object in each protocol that the libraries use."""
    space: dict[str, object] = {"__name__": "__main__"}
    exec(SOURCE, space)  # noqa: S102 - our own text above
    closed = space["closed"]
    objects = {
        "plain": space["plain"],
        "closed": closed() if callable(closed) else None,
        "class": space["Runner"],
        "instance": space["Runner"]() if isinstance(space["Runner"], type) else None,
        "lambda": space["doubled"],
    }
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, value in objects.items():
            for protocol in (2, 4, pickle.HIGHEST_PROTOCOL):
                for library in (dill, cloudpickle):
                    options = {"recurse": True} if library is dill else {}
                    content = library.dumps(value, protocol=protocol, **options)
                    row = zipfile.ZipInfo(f"{name}.{library.__name__}.{protocol}.pkl", EPOCH)
                    archive.writestr(row, content, 8)


if __name__ == "__main__":
    main()
