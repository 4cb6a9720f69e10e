"""The smallest sound content of each predicate type that callers state by hand."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["EXAMPLES"]

_TIME = "2026-01-31T12:00:00Z"

EXAMPLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "classification": {"level": "internal", "reason": "trained on customer data"},
        "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.6"},
        "dataset": {"license": "CC-BY-4.0", "sources": ["https://example.com/data"]},
        "deployment": {"target": "cluster eu-1, service chat"},
        "link": {"name": "train", "command": ["python", "train.py"], "materials": []},
        "provenance": {
            "buildDefinition": {
                "buildType": "https://example.com/train/v1",
                "externalParameters": {"epochs": "3"},
            },
            "runDetails": {"builder": {"id": "https://example.com/builder"}},
        },
        "reference": {"attester": {"id": "https://example.com"}, "references": []},
        "release": {"purl": "pkg:huggingface/example/model@1"},
        "scai": {"attributes": [{"attribute": "TRAINED_OFFLINE"}]},
        "spdx": {"spdxVersion": "SPDX-2.3"},
        "svr": {
            "verifier": {"id": "https://example.com"},
            "timeCreated": _TIME,
            "properties": ["EXAMPLE_PASSED"],
        },
        "test-result": {
            "result": "PASSED",
            "configuration": [{"name": "eval.py", "uri": "https://example.com/eval.py"}],
        },
        "vsa": {
            "verifier": {"id": "https://example.com"},
            "timeVerified": _TIME,
            "resourceUri": "https://example.com/model",
            "policy": {"uri": "https://example.com/policy", "digest": {"sha256": "00" * 32}},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
        },
        "vulns": {
            "scanner": {"uri": "https://example.com/scanner", "result": []},
            "metadata": {"scanStartedOn": _TIME, "scanFinishedOn": _TIME},
        },
    }
)
"""by short name, as `attest --type` takes it"""
