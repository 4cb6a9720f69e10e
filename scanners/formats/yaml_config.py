"""YAML configurations: MLflow's `MLmodel`, Hydra, and tags that build Python objects."""

import re
from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.plain_text import is_text
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.scanners.repository.configurations import (
    TELLING_KEYS,
    judge_configuration,
    templates_of,
)
from weightmark.scanners.repository.dataset_cards import (
    CARD_NAME,
    card_header,
    judge_dataset_card,
)
from weightmark.scanners.repository.interpolations import judge_interpolations
from weightmark.scanners.repository.mlflow_models import (
    is_mlflow_model,
    judge_mlflow_model,
    judge_mlflow_project,
)
from weightmark.scanners.repository.package_lists import is_conda_list, judge_conda_list
from weightmark.scanners.repository.paths import base_name, leaves_from
from weightmark.scanners.repository.templates import report_template
from weightmark.scanners.repository.yaml_documents import (
    YamlDocument,
    YamlFile,
    dangerous_tags,
    included_paths,
    parse_yaml,
)
from weightmark.scanners.repository.yolo_data import judge_yolo_data
from weightmark.values import dataclass

__all__ = ["YamlConfigReader"]

_ENDINGS = (".yaml", ".yml")
_NAMES = frozenset({"MLmodel", "MLproject", "hparams", "conda"})
_LARGE = MEBIBYTE
_TELLING = re.compile(
    rb"!|%TAG|download|\$\{|target|params|types|py/|\\|searchpath|_(?i:base)_|" + TELLING_KEYS
)
_PYTHON_TAG = re.compile(
    rb"!!?(?:p|%70)(?:y|%79)(?:t|%74)(?:h|%68)(?:o|%6[fF])(?:n|%6[eE])(?:/|%2[fF])"
    rb"|!<(?:t|%74)(?:a|%61)(?:g|%67)(?::|%3[aA])|%TAG"
)
"""a tag that makes Python objects, of which any letter may stand as its number"""
_TAG_STARTS = (b"!!", b"!p", b"!%", b"!<", b"%TAG")
_TAGGED_LINE = re.compile(
    rb"^[ \t]*(?:-[ \t]+|\?[ \t]+)*(?:[\w.\"' -]{1,80}:[ \t]+)?(?:&\S{1,80}[ \t]+)?!!python/"
    rb"(?:apply|module|name|new|object)\b",
    re.MULTILINE,
)
"""a line of YAML, and of hardly any other text"""
_OVERLAP = 64
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class YamlConfigReader:
    """Reads files that loaders take for YAML by their name, and others that ask for Python objects."""

    name: Final[str] = "yaml-config"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge tags and keys; see `FormatReader.read`."""
        path = place.member or examination.path
        card = base_name(path) == CARD_NAME
        named = path.lower().endswith(_ENDINGS) or base_name(path) in _NAMES or card
        is_wide = place.head.startswith(_UTF_16)
        if not (is_text(place.head) or is_wide):
            return False
        if not named:
            return _read_tags(place, examination)
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the YAML document is over {limit} bytes")
        data = place.view.read_at(0, place.view.size)
        data = card_header(data) if card else data
        telling = card or is_wide or _TELLING.search(data) is not None
        if not data or not (telling or len(data) <= _LARGE):
            return False
        read = _parse(data, examination)
        known = [_judge(one, path, place, examination) for one in read.documents]
        if read.broken and telling:
            examination.problem(read.broken, place)
            return True
        return any(known)


def _read_tags(place: Place, examination: Examination) -> bool:
    """Judge a text of any other name: only what makes Python objects of it counts."""
    if not _has_tags(place, examination):
        return False
    data = place.view.read_at(0, min(place.view.size, examination.limits.document))
    read = _parse(data, examination)
    found = [_report_tags(one, place, examination) for one in read.documents]
    if read.is_partial and _TAGGED_LINE.search(data):
        examination.problem(read.broken, place)
        return True
    return any(found)


def _has_tags(place: Place, examination: Examination) -> bool:
    """Tell whether a text may ask for Python objects; behind the limit `document` nobody looks."""
    view, end = place.view, min(place.view.size, examination.limits.document)
    if place.head.startswith(_UTF_16):
        text = view.read_at(0, end).decode("utf-16", "replace").encode("utf-8", "replace")
        return _PYTHON_TAG.search(text) is not None
    for at in range(0, end, _LARGE):
        block = view.read_at(at, _LARGE + _OVERLAP)
        if any(start in block for start in _TAG_STARTS) and _PYTHON_TAG.search(block):
            return True
    return False


def _parse(data: bytes, examination: Examination) -> YamlFile:
    return parse_yaml(data, what="the YAML document", nesting=examination.limits.nesting)


def _report_tags(document: YamlDocument, place: Place, examination: Examination) -> bool:
    tags = list(dangerous_tags(document))
    for tag in tags:
        examination.find("REP009", place, detail=tag[:_SHOWN])
    return bool(tags)


def _judge(document: YamlDocument, path: str, place: Place, examination: Examination) -> bool:
    known = _report_tags(document, place, examination)
    for included in included_paths(document):
        known = True
        if leaves_from(path, included):
            examination.find("REP004", place, detail=f"`!include`: {included}"[:_SHOWN])
    content = document.content
    hits = [hit for hit in judge_configuration(content, path) if hit.rule != "REP008"]
    hits += [*judge_yolo_data(content), *judge_interpolations(content)]
    if base_name(path) == "MLproject":
        hits += judge_mlflow_project(content)
    if is_conda_list(path):
        hits += judge_conda_list(content, path)
    if is_mlflow_model(content):
        hits += judge_mlflow_model(content)
    if base_name(path) == CARD_NAME:
        hits += judge_dataset_card(content)
    for hit in hits:
        examination.find(hit.rule, place, detail=hit.detail, severity=hit.severity)
    for pointer, template in templates_of(content):
        known = True
        report_template(template, pointer, place, examination)
    return known or bool(hits) or is_mlflow_model(content)
