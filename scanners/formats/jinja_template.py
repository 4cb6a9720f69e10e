"""Chat templates in files of their own."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.paths import base_name
from weightmark.scanners.repository.templates import report_template
from weightmark.values import dataclass

__all__ = ["JinjaTemplateReader"]

_ENDINGS = (".jinja", ".jinja2", ".j2")


@dataclass(frozen=True, slots=True)
class JinjaTemplateReader:
    """Reads files that loaders take for templates by their name."""

    name: Final[str] = "jinja-template"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge the template; see `FormatReader.read`."""
        path = place.member or examination.path
        if not path.endswith(_ENDINGS) or not place.view.size:
            return False
        limit = examination.limits.template
        if place.view.size > limit:
            raise over_limit("template", f"the template is over {limit} bytes")
        text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
        report_template(text, base_name(path), place, examination)
        return True
