"""Dataset cards, read for licence and source: the YAML at the top of a hub repository's `README.md`, and
the `dataset_info.json` that the library `datasets` saves beside its arrow files.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from weightmark.errors import LimitError, MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.datasets.candidates import CARD_NAME
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

if TYPE_CHECKING:
    from yaml.nodes import Node

__all__ = ["INFO_NAME", "MAX_CARD_SIZE", "DatasetCard"]

INFO_NAME = "dataset_info.json"
"""where `datasets` saves it"""
MAX_CARD_SIZE = 1024 * 1024
"""bytes of the YAML"""
_HEADER = lazy_pattern(rb"\A---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_WANTED = frozenset(["license", "license_name", "license_link", "source_datasets", "pretty_name"])


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What a card says; nobody vouches for it."""

    name: str
    """`pretty_name`, or empty"""
    licenses: tuple[str, ...]
    """`license`, or with `other` its name and link"""
    sources: tuple[str, ...]
    """`source_datasets`, or the URLs from which the rows were downloaded"""
    path: str = CARD_NAME
    """where it stands"""

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read a card; None without a header. Raises `MalformedError` and `LimitError`."""
        found = _HEADER.match(data)
        if not found:
            return None
        if len(found[1]) > MAX_CARD_SIZE:
            raise LimitError(f"the header of the card is over {MAX_CARD_SIZE} bytes")
        fields = _fields(_compose(found[1]))
        licenses = fields.get("license", ())
        if not licenses or "other" in licenses:
            licenses += fields.get("license_name", ()) + fields.get("license_link", ())
        return cls(
            next(iter(fields.get("pretty_name", ())), ""),
            licenses,
            fields.get("source_datasets", ()),
        )

    @classmethod
    def parse_info(cls, data: bytes) -> Self:
        """Read a `dataset_info.json`; raises `MalformedError` and `LimitError`."""
        fields = parse_object(data, what="the dataset's information", max_size=MAX_CARD_SIZE)
        name, license_ = fields.get("dataset_name"), fields.get("license")
        downloads = fields.get("download_checksums")
        return cls(
            name if isinstance(name, str) else "",
            (license_,) if isinstance(license_, str) and license_ else (),
            tuple(downloads) if isinstance(downloads, dict) else (),
            INFO_NAME,
        )


def _compose(data: bytes) -> "Node | None":
    """Return the tree of the YAML without building anything of it."""
    import yaml

    try:
        return yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise LimitError("the header of the card is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise MalformedError("the header of the card is not YAML") from error


def _fields(root: "Node | None") -> dict[str, tuple[str, ...]]:
    """Return the members that are wanted; raises `MalformedError` for one that stands twice."""
    from yaml.nodes import MappingNode

    fields: dict[str, tuple[str, ...]] = {}
    for key, value in root.value if isinstance(root, MappingNode) else ():
        name = str(key.value)
        if name in fields:
            raise MalformedError(f"the card says `{name}` twice")
        if name in _WANTED:
            fields[name] = tuple(_texts(value))
    return fields


def _texts(node: "Node") -> Iterator[str]:
    from yaml.nodes import ScalarNode, SequenceNode

    for item in node.value if isinstance(node, SequenceNode) else [node]:
        if isinstance(item, ScalarNode) and item.value:
            yield str(item.value)
