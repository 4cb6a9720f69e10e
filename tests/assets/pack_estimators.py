"""Pack small honest files of `make_estimators.py` into `estimators.zip`, for tests without the libraries.

python tests/assets/pack_estimators.py FOLDER
"""

import sys
import zipfile
from pathlib import Path

ASSET = Path(__file__).with_name("estimators.zip")
LARGEST = 8_000
EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = ("scipy-interp1d",)
"""bound methods are reached by attribute, which is always refused"""


def main() -> None:
    """Pack protocols 2 and 4 and the joblib dump of each object, in a fixed order."""
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(Path(sys.argv[1]).iterdir()):
            kept = file.name.endswith((".2.pkl", ".4.pkl", ".joblib"))
            if kept and file.stat().st_size < LARGEST and not file.name.startswith(LEFT_OUT):
                archive.writestr(zipfile.ZipInfo(file.name, EPOCH), file.read_bytes(), 8)


if __name__ == "__main__":
    main()
