"""Results of scans as bytes, so that worker processes can scan small files.

Only what has no findings travels: a file with findings is scanned where the report is made.
"""

import json

from weightmark.provenance.reading.engine import Luggage
from weightmark.scanners.findings import FileScan, Outcome

__all__ = ["FILE_SCANS"]


def _pack(scan: FileScan) -> bytes | None:
    if scan.findings:
        return None
    fields = [scan.path, scan.formats, scan.outcome.value, scan.problems]
    return json.dumps(fields).encode("ascii")


def _unpack(_: str, data: bytes) -> FileScan:
    path, formats, outcome, problems = json.loads(data)
    return FileScan(path, tuple(formats), Outcome(outcome), (), tuple(problems))


FILE_SCANS: Luggage[FileScan] = Luggage(_pack, _unpack)
"""how a `FileScan` travels between processes"""
