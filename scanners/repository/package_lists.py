"""Lists of packages for pip and conda: entries that come from elsewhere than the usual index.

Sources: pip "Requirements File Format", conda "Managing environments", MLflow `python_env.yaml`. Whoever
serves the model installs them, some services by themselves.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from weightmark.scanners.findings import Severity
from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject
from weightmark.scanners.repository.paths import base_name, leaves

__all__ = ["is_conda_list", "is_package_list", "judge_conda_list", "judge_package_list"]

_RULE = "REP010"
_LIST = re.compile(r"(?:[\w.-]*requirements[\w.-]*|constraints)\.(?:txt|in)\Z", re.IGNORECASE)
_CONDA = re.compile(r"(?:conda[\w.-]*|environment[\w.-]*|python_env)\.ya?ml\Z", re.IGNORECASE)
_INSTALLED = frozenset({"conda.yaml", "python_env.yaml"})
"""environments that MLflow builds by itself before it serves a model"""
_FOREIGN = re.compile(r"(?:https?|ftp|git|svn)://", re.IGNORECASE)
_MIRRORS = re.compile(
    r"://(?:[\w.-]+\.)?(?:aliyun\.com|tsinghua\.edu\.cn|ustc\.edu\.cn|bfsu\.edu\.cn|huaweicloud\.com|tencent\.com|douban\.com"
    r"|anaconda\.(?:com|org)|prefix\.dev|github\.com|gitlab\.com|bitbucket\.org|huggingface\.co|github\.io|amazonaws\.com"
    r"|pkg\.dev|azure\.com|jfrog\.io|nvidia\.com|pytorch\.org|googleapis\.com)(?=[:/]|\Z)",
    re.IGNORECASE,
)
"""hosts of mirrors, forges and registries, where anybody may publish and nobody is surprised"""
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTION = re.compile(
    r"(-i|--index-url|--extra-index-url|--pypi-url|-f|--find-links|--trusted-host|-e|--editable|-r"
    r"|--requirement|-c|--constraint)(?:\s*=?\s*)(\S.*)"
)
_INDEXES = frozenset({"-i", "--index-url", "--extra-index-url", "--pypi-url", "-f", "--find-links"})
_USUAL = re.compile(
    r"https://(?:pypi\.org|files\.pythonhosted\.org|download\.pytorch\.org|pypi\.nvidia\.com|data\.pyg\.org"
    r"|storage\.googleapis\.com/(?:jax|libtpu)-releases)(?:/.*)?",
    re.IGNORECASE,
)
"""indexes of Python and of the makers of usual libraries"""
_CHANNELS = re.compile(
    r"https://(?:conda\.anaconda\.org|repo\.anaconda\.com)/[\w./-]+|nvidia/label/[\w.-]+|pkgs/\w+|[\w.-]+/label/[\w.-]+"
)
"""channels of conda's own hosts; a plain name is one of these"""
_PLAIN_HTTP = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?(?:http|git|ftp|svn)://", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:[A-Za-z0-9_.-]+(?:\[[^\]]*\])?\s*@\s*)?((?:[a-z]+\+)?[a-z][a-z0-9+.-]*:\S+)", re.IGNORECASE)  # fmt: skip
_PINNED = re.compile(r"@[0-9a-f]{40}\b|--hash[= ]\w+:|#\S*sha256=[0-9a-f]{64}")
_FILE = re.compile(
    r"\.{0,2}[/\\~]|\S+\.(?:whl|zip|tar\.gz|tgz|egg)(?:\s|\Z)|[A-Za-z]:[\\/]|\.(?:\s|\Z|\[)"
)
_PRELOADED = re.compile(r"LD_|DYLD_|PYTHON(?!HASHSEED|UNBUFFERED)|PIP_")
_SHOWN = 120


def is_package_list(path: str) -> bool:
    """Tell a list for pip by its name."""
    return _LIST.fullmatch(base_name(path)) is not None


def is_conda_list(path: str) -> bool:
    """Tell by its name the description of an environment, for conda or MLflow."""
    return _CONDA.fullmatch(base_name(path)) is not None


def judge_package_list(text: str) -> Iterator[Hit]:
    """Yield each line of a list for pip that names another source."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        entry = _COMMENT.sub("", line).strip()
        if entry and (weight := _weigh(entry)) is not None:
            yield Hit(_RULE, _shown(entry), weight)


def judge_conda_list(document: object, path: str) -> Iterator[Hit]:
    """Yield channels, packages and variables of an environment that come from elsewhere.

    `path` tells whether somebody installs it by himself, or the server does that (MLflow).
    """
    by_server = base_name(path).lower() in _INSTALLED
    for hit in _judge_environment(document):
        is_foreign = _FOREIGN.search(hit.detail) and not _MIRRORS.search(hit.detail)
        grave = hit.severity in (None, Severity.MEDIUM)
        yield replace(hit, severity=Severity.HIGH) if by_server and is_foreign and grave else hit


def _judge_environment(document: object) -> Iterator[Hit]:
    if not isinstance(document, JsonObject):
        return
    for channel in _texts(document.all("channels")):
        if re.search(r"[:/]", channel) and not _CHANNELS.fullmatch(channel):
            yield Hit(_RULE, _shown(f"channel {channel}"))
    for key in ("dependencies", "build_dependencies"):
        for listed in document.all(key):
            yield from _judge_entries(listed)
    for table in document.all("variables"):
        names = table.keys if isinstance(table, JsonObject) else ()
        yield from (
            Hit(_RULE, f"variable {name}") for name in sorted(names) if _PRELOADED.match(name)
        )


def _judge_entries(listed: object) -> Iterator[Hit]:
    entries = listed if isinstance(listed, list) else []
    for entry in entries:
        if isinstance(entry, JsonObject):
            yield from judge_package_list("\n".join(_texts(entry.all("pip"))))
        elif isinstance(entry, str):
            yield from judge_package_list(entry.rpartition("::")[2])


def _weigh(entry: str) -> Severity | None:
    """Return how bad one entry is; None for a package of the usual index."""
    if option := _OPTION.match(entry):
        return _weigh_option(option[1], option[2].strip("\"'"))
    if found := _ADDRESS.match(entry):
        return _weigh_address(found[1], entry)
    if _FILE.match(entry):
        return Severity.MEDIUM if leaves(entry) else Severity.LOW
    return None


def _weigh_option(name: str, value: str) -> Severity | None:
    if name == "--trusted-host":
        return Severity.MEDIUM
    if name in _INDEXES:
        return None if _USUAL.fullmatch(value) else Severity.MEDIUM
    if name in {"-e", "--editable"}:
        return _weigh(value)
    return Severity.MEDIUM if leaves(value) else None


def _weigh_address(address: str, entry: str) -> Severity | None:
    """Weigh a package by its address: pinned by content, from a usual index, or whatever lies there."""
    if _PLAIN_HTTP.match(address) or address.lower().startswith("file:"):
        return Severity.MEDIUM
    if _USUAL.fullmatch(address):
        return None
    if _PINNED.search(entry):
        return Severity.INFO
    return Severity.LOW if address.lower().startswith("git+https://") else Severity.MEDIUM


def _texts(values: tuple[object, ...]) -> Iterator[str]:
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield item


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
