"""The base of an adapter, as PEFT writes it into `adapter_config.json`."""

from collections.abc import Iterator

from weightmark.attestations.inventory.references.interface import Reference, pin_of_hub
from weightmark.provenance.strict_json import parse_object

__all__ = ["ADAPTER_CONFIG", "AdapterReader"]

ADAPTER_CONFIG = "adapter_config.json"
"""name by which PEFT finds it"""
_BASE = "base_model_name_or_path"


class AdapterReader:
    """Reads one configuration; loaders take the base at its `revision`."""

    def read(self, label: str, data: bytes) -> Iterator[Reference]:
        """Yield the base, if there is one; raises `MalformedError`."""
        fields = parse_object(data, what=f"`{label}`")
        target, revision = _text(fields.get(_BASE)), _text(fields.get("revision"))
        if target:
            pin = pin_of_hub(target, revision)
            yield Reference(label, _line(data), _BASE, target, revision, pin)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _line(data: bytes) -> int:
    """Return the line where the base is named; the first where the name is written with escapes."""
    return data.partition(_BASE.encode())[0].count(b"\n") + 1 if _BASE.encode() in data else 1
