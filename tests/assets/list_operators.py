"""Write `scanners/operators/tensorflow.json`: the registered operators, those that reach out apart.

python tests/assets/list_operators.py    (in an environment with TensorFlow)
"""

import json
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.op_def_pb2 import OpList
from tensorflow.python.client import pywrap_tf_session

LIST = Path(__file__).parents[2] / "scanners" / "operators" / "tensorflow.json"


def main() -> None:
    """Keep the reviewed groups of the list, and put all other operators under `plain`."""
    reviewed = json.loads(LIST.read_text())
    apart = {name for key in ("code", "files", "paths") for name in reviewed[key]}
    buffer = pywrap_tf_session.TF_GetAllOpList()
    operators = OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer))
    names = {operator.name for operator in operators.op} - apart
    reviewed |= {"version": tf.__version__, "plain": sorted(names)}
    LIST.write_text(json.dumps(reviewed, indent=1) + "\n")


if __name__ == "__main__":
    main()
