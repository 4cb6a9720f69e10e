"""Bounds on what one file may cost; each one that is hit means `could not be checked`."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from math import inf
from time import monotonic
from typing import Any

from weightmark.errors import CallError, LimitError
from weightmark.values import dataclass

__all__ = ["MEBIBYTE", "Budget", "Limits", "over_limit"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one file, everything nested in it included."""

    opcodes: int = 50_000_000
    """pickle opcodes"""
    memo: int = 12_000_000
    """memo entries of one pickle"""
    stack: int = 500_000
    """values on the stack of one pickle, marks included"""
    streams: int = 10_000
    """pickles one after the other in one member"""
    members: int = 100_000
    """container members"""
    depth: int = 8
    """containers inside containers"""
    ratio: int = 2_000
    """decompressed to compressed size of a member over one mebibyte"""
    decompressed: int = 8 * 1024 * MEBIBYTE
    """bytes decompressed in total, those decompressed twice counted twice"""
    directory: int = 64 * MEBIBYTE
    """bytes of a zip's central directory"""
    gaps: int = 64 * MEBIBYTE
    """bytes between zip members that are searched for hidden members"""
    nested: int = 16 * MEBIBYTE
    """bytes of a pickle that stands inside a string"""
    nesting: int = 800
    """lists and objects inside each other in a JSON or YAML document, and blocks in a template"""
    header: int = 32 * MEBIBYTE
    """bytes of a safetensors header"""
    document: int = 64 * MEBIBYTE
    """bytes of a JSON or YAML configuration"""
    unpacked: int = 32 * MEBIBYTE
    """bytes of compressed files' content held in memory; what is larger is decompressed again"""
    fields: int = 8_000_000
    """records of protobuf, FlatBuffers, MessagePack, UBJSON, GGUF and HDF5 files"""
    template: int = MEBIBYTE
    """characters of a chat template"""
    seconds: float = 900.0
    """time that one file may take"""
    findings: int = 100
    """findings of one rule in one file; more are counted as one problem"""

    @property
    def changed(self) -> dict[str, float]:
        """The limits that are not what holds when nobody sets others."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value != _DEFAULTS[name]}

    @classmethod
    @cache
    def default(cls) -> "Limits":
        """Return the bounds that hold when nobody sets others."""
        return cls()

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Limits":
        """Return the default bounds with those of a policy in their places.

        Keys are the names of the fields, values positive numbers: whole ones but for `seconds`.
        Raises `CallError` for an unknown name or another value.
        """
        known = _DEFAULTS
        chosen: dict[str, Any] = {}
        for name, value in document.items():
            if name not in known:
                raise CallError(
                    f"`{name}` is no limit", fix=f"use one of {', '.join(map(_quoted, known))}"
                )
            kinds = (int, float) if isinstance(known[name], float) else (int,)
            if type(value) not in kinds or not isinstance(value, kinds) or not 0 < value < inf:
                raise CallError(
                    f"the limit `{name}` is no positive number",
                    fix=f"write it as `{name}={known[name]}`",
                )
            chosen[name] = value
        return cls(**chosen)


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Limits)}


def _quoted(name: str) -> str:
    return f"`{name}`"


def over_limit(name: str, what: str) -> LimitError:
    """Return the error for a limit that was hit, which says how the limit is called."""
    return LimitError(f"{what} (limit `{name}`)")


class Budget:
    """What is left of the limits while one file is scanned."""

    __slots__ = (
        "_deadline",
        "decompressed",
        "fields",
        "gaps",
        "held",
        "limits",
        "members",
        "opcodes",
    )

    def __init__(self, limits: Limits) -> None:
        """Start with everything that `limits` allow."""
        self.limits = limits
        self.opcodes = limits.opcodes
        self.members = limits.members
        self.decompressed = limits.decompressed
        self.gaps = limits.gaps
        self.fields = limits.fields
        self.held = 0
        self._deadline = monotonic() + limits.seconds

    def check_time(self) -> None:
        """Raise `LimitError` when the file took too long."""
        if monotonic() > self._deadline:
            raise over_limit("seconds", f"the scan took more than {self.limits.seconds:g} seconds")

    def spend_member(self) -> None:
        """Count one container member; raises `LimitError` when none is left."""
        self.check_time()
        self.members -= 1
        if self.members < 0:
            raise over_limit("members", f"more than {self.limits.members} container members")

    def spend_decompressed(self, count: int) -> None:
        """Count decompressed bytes; raises `LimitError` when none are left."""
        self.check_time()
        self.decompressed -= count
        if self.decompressed < 0:
            raise over_limit(
                "decompressed", f"more than {self.limits.decompressed} bytes after decompression"
            )

    def spend_gap(self, count: int) -> None:
        """Count bytes searched between members; raises `LimitError` when none are left."""
        self.gaps -= count
        if self.gaps < 0:
            raise over_limit("gaps", f"more than {self.limits.gaps} bytes lie between zip members")

    def spend_fields(self, count: int) -> None:
        """Count records of a binary format; raises `LimitError` when none are left."""
        self.fields -= count
        if self.fields < 0:
            raise over_limit("fields", f"more than {self.limits.fields} records")
        self.check_time()
