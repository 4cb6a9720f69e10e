"""A statement to sign."""

import json

__all__ = ["STATEMENT"]

STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": "ab" * 32}}],
        "predicateType": "https://example.com/tested/v1",
        "predicate": {"result": "passed"},
    }
).encode()
