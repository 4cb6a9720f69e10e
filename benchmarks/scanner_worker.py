"""Run one scanner over files, in its own environment; started by `scanner_table.py`.

Reads the path of each file on a line of stdin. Prints a line of JSON: the version; then one for each
file as soon as it is scanned: the answer, the seconds, and the peak memory of the process in bytes.
It imports nothing but the scanner and the standard library, since every scanner has its own
environment.

An answer is what the scanner's own command would say by its exit code: `bad`, `noted` (something is
reported, and the exit code is that of a clean file), `clean`, `error` (a file that it could not read
to the end), or `skipped` (a format that it does not know).
"""

import contextlib
import io
import json
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Scan = Callable[[str], str]


def weightmark() -> Scan:
    """Return weightmark, with the threshold that its commands use by default."""
    from weightmark.provenance.reading.views import DescriptorView
    from weightmark.scanners.scan import Outcome, ScanReport, Severity, scan_file

    def scan(path: str) -> str:
        parts = Path(path).parts
        name = "/".join(parts[parts.index("corpus") + 3 :])
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            found = scan_file(name, DescriptorView(file.fileno(), size, path))
        if ScanReport.of([found]).exit(Severity.HIGH) == 1:
            return "bad"
        if found.problems:
            return "error"
        words = {Outcome.FINDINGS: "noted", Outcome.UNSUPPORTED: "skipped"}
        return words.get(found.outcome, "clean")

    return scan


def picklescan(*, strict: bool = False) -> Scan:
    """Return picklescan; `strict` refuses every name that it does not know."""
    from picklescan.scanner import scan_file_path

    def scan(path: str) -> str:
        result = scan_file_path(path, strict=strict)
        if result.scan_err:
            return "error"
        if result.issues_count:
            return "bad"
        if result.suspicious_count:
            return "noted"
        return "clean" if result.scanned_files else "skipped"

    return scan


def fickling() -> Scan:
    """Return fickling: archives by its archive scanner, everything else as a pickle."""
    import zipfile

    from fickling.loader import scan_file, scan_zip_archive

    def scan(path: str) -> str:
        if zipfile.is_zipfile(path):
            results = list(scan_zip_archive(path, graceful=True).values())
        else:
            results = [scan_file(path, graceful=True)]
        if not all(result.is_safe or result.errors for result in results):
            return "bad"
        if any(result.errors for result in results):
            return "error"
        return "clean" if results else "skipped"

    return scan


def modelscan() -> Scan:
    """Return modelscan with the settings that it ships."""
    from copy import deepcopy

    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS

    def scan(path: str) -> str:
        answer: dict[str, Any] = ModelScan(settings=deepcopy(DEFAULT_SETTINGS)).scan(path)
        if answer["issues"]:
            return "bad"
        if answer["errors"]:
            return "error"
        return "clean" if answer["summary"]["scanned"]["total_scanned"] else "skipped"

    return scan


def modelaudit() -> Scan:
    """Return modelaudit without its telemetry."""
    os.environ["PROMPTFOO_DISABLE_TELEMETRY"] = "1"
    from modelaudit.core import determine_exit_code, scan_model_directory_or_file

    def scan(path: str) -> str:
        code = determine_exit_code(scan_model_directory_or_file(path))
        return {0: "clean", 1: "bad"}.get(code, "error")

    return scan


SCANNERS: dict[str, tuple[str, Callable[[], Scan]]] = {
    "weightmark": ("weightmark", weightmark),
    "modelscan": ("modelscan", modelscan),
    "picklescan": ("picklescan", picklescan),
    "picklescan --strict": ("picklescan", lambda: picklescan(strict=True)),
    "fickling": ("fickling", fickling),
    "modelaudit": ("modelaudit", modelaudit),
}
"""the name in the table, the distribution, and how the scanner is made"""


def answer(scan: Scan, path: str) -> str:
    """Return the answer for one file; whatever a scanner raises is an error of its own."""
    try:
        return scan(path)
    except Exception:  # noqa: BLE001 - another project's code may raise anything
        return "error"


def peak() -> int:
    """Return the peak resident memory in bytes; the resource module would count the parent's as well."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Scan all files and print what was said."""
    distribution, make = SCANNERS[sys.argv[1]]
    paths = [line.rstrip("\n") for line in sys.stdin]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        scan = make()
        print(json.dumps(version(distribution)), file=out, flush=True)
        for path in paths:
            begin = time.perf_counter()
            said = answer(scan, path)
            seconds = time.perf_counter() - begin
            print(json.dumps([said, seconds, peak()]), file=out, flush=True)


if __name__ == "__main__":
    main()
