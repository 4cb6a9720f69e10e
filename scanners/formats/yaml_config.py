"""YAML configurations: MLflow's `MLmodel`, Hydra, and tags that build Python objects."""

import re
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.scanners.repository.configurations import TELLING_KEYS, judge_configuration
from weightmark.scanners.repository.dataset_cards import (
    CARD_NAME,
    card_header,
    judge_dataset_card,
)
from weightmark.scanners.repository.mlflow_models import is_mlflow_model, judge_mlflow_model
from weightmark.scanners.repository.paths import base_name
from weightmark.scanners.repository.yaml_documents import compose, dangerous_tags, to_document
from weightmark.values import dataclass

__all__ = ["YamlConfigReader"]

_ENDINGS = (".yaml", ".yml")
_NAMES = frozenset({"MLmodel", "hparams", "conda"})
_LARGE = MEBIBYTE
_TELLING = re.compile(rb"!|%TAG|target|params|types|py/|\\|" + TELLING_KEYS)


@dataclass(frozen=True, slots=True)
class YamlConfigReader:
    """Reads files that loaders take for YAML by their name, where they say something that matters."""

    name: Final[str] = "yaml-config"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge tags and keys; see `FormatReader.read`."""
        path = place.member or examination.path
        card = base_name(path) == CARD_NAME
        if not path.endswith(_ENDINGS) and base_name(path) not in _NAMES and not card:
            return False
        if not is_text(place.head):
            return False
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the YAML document is over {limit} bytes")
        data = place.view.read_at(0, place.view.size)
        data = card_header(data) if card else data
        telling = card or _TELLING.search(data) is not None
        if not data or not (telling or len(data) <= _LARGE):
            return False
        try:
            roots = compose(data.decode("utf-8", "replace"), what="the YAML document")
        except MalformedError as error:
            if not telling:
                return False
            examination.problem(error.what, place)
            return True
        known = False
        for root in roots:
            for tag in dangerous_tags(root):
                examination.find("REP009", place, detail=tag)
                known = True
            known |= _judge(to_document(root), path, place, examination)
        return known


def _judge(document: Any, path: str, place: Place, examination: Examination) -> bool:
    hits = [hit for hit in judge_configuration(document, path) if hit.rule != "REP008"]
    if is_mlflow_model(document):
        hits += judge_mlflow_model(document)
    if base_name(path) == CARD_NAME:
        hits += judge_dataset_card(document)
    for hit in hits:
        examination.find(hit.rule, place, detail=hit.detail)
    return bool(hits) or is_mlflow_model(document)
