"""Write `scanners/operators/tensorflow.json`: the registered operators, those that reach out apart.

python tests/assets/list_operators.py    (in an environment with TensorFlow)
"""

import json
from importlib import import_module
from pathlib import Path

LIST = Path(__file__).parents[2] / "scanners" / "operators" / "tensorflow.json"
GROUPS = ("code", "files", "paths")
"""operators that reach out, sorted by hand"""
ELSEWHERE = {
    "BigQueryReader": "files",
    "GcsConfigureBlockCache": "files",
    "GcsConfigureCredentials": "files",
    "InitializeTRTResource": "files",
    "KafkaDataset": "files",
    "KafkaReader": "files",
    "LoadLibrary": "code",
    "OpaquePyFunc": "code",
    "RemoteFusedGraphExecute": "code",
    "SerializeTRTResource": "files",
    "TRTEngineOp": "code",
}
"""operators that reach out and that the usual build does not register: of TensorRT, the cloud, older versions"""


def main() -> None:
    """Keep the reviewed groups of the list, and put all other operators under `plain`.

    Ends with an error where a reviewed operator is neither registered nor one of `ELSEWHERE`.
    """
    tensorflow = import_module("tensorflow")
    listing = import_module("tensorflow.core.framework.op_def_pb2").OpList
    session = import_module("tensorflow.python.client.pywrap_tf_session")
    found = listing.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    registered = {operator.name for operator in found.op}
    reviewed = json.loads(LIST.read_text())
    for name, group in ELSEWHERE.items():
        if name not in registered:
            reviewed[group] = sorted({*reviewed[group], name})
    apart = {name for group in GROUPS for name in reviewed[group]}
    if lost := sorted(apart - registered - set(ELSEWHERE)):
        raise SystemExit(f"error: no operators of TensorFlow: {', '.join(lost)}")
    reviewed |= {"version": tensorflow.__version__, "plain": sorted(registered - apart)}
    LIST.write_text(json.dumps(reviewed, indent=1) + "\n")


if __name__ == "__main__":
    main()
