"""Which engines were asked for, and what they say together."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from weightmark.errors import CallError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.engines.interface import Engine
from weightmark.scanners.engines.own import OwnEngine
from weightmark.scanners.findings import FileScan, Outcome, Severity
from weightmark.scanners.limits import Limits

__all__ = ["engines_named", "examine"]

_OWN, _MODELSCAN, _ALL = "weightmark", "modelscan", "all"
_OURS_ALONE = frozenset(
    [
        "data",
        "empty",
        "gguf",
        "git-lfs-pointer",
        "jinja-template",
        "json",
        "json-config",
        "python",
        "safetensors",
        "script",
        "text",
        "yaml-config",
    ]
)
"""formats in which no other engine is expected to find anything"""


def engines_named(names: Sequence[str], limits: Limits | None = None) -> tuple[Engine, ...]:
    """Return the engines of these names: `weightmark`, `modelscan`, a plugin's name, or `all`.

    `limits` bind our own scanners. Raises `CallError` for an unknown name; `ExtraMissingError` or `UnsupportedError` when modelscan
    cannot run here.
    """
    ours = OwnEngine(limits=limits or Limits.default())
    if tuple(names) == (_OWN,):
        return (ours,)
    from weightmark.scanners.plugins import installed_plugins

    plugins = {plugin.name: plugin for plugin in installed_plugins(ours.limits.seconds)}
    wanted = [_OWN, _MODELSCAN, *sorted(plugins)] if _ALL in names else list(dict.fromkeys(names))
    found: list[Engine] = []
    for name in wanted:
        if name == _OWN:
            found.append(ours)
        elif name == _MODELSCAN:
            found.append(_modelscan())
        elif name in plugins:
            found.append(plugins[name])
        else:
            known = ", ".join(f"`{word}`" for word in (_OWN, _MODELSCAN, *sorted(plugins), _ALL))
            raise CallError(f"there is no engine `{name}`", fix=f"use one of {known}")
    return tuple(found)


def examine(path: str, view: ByteView, engines: Sequence[Engine]) -> FileScan:
    """Return what all engines say about one file, as one result.

    Our own scanners always look, to know what the file is; their findings count only if they were
    asked for. What another engine did not look at could not be checked by it.
    """
    asked = (engine for engine in engines if isinstance(engine, OwnEngine))
    own = next(asked, OwnEngine()).scan(path, view)
    results = []
    for engine in engines:
        if engine.name == _OWN:
            results.append(own)
        else:
            results.append(_without_silence(engine, engine.scan(path, view), own))
    return _together(own, results)


def _modelscan() -> Engine:
    from weightmark.scanners.engines.second_opinion import ModelscanEngine

    return ModelscanEngine.load()


def _without_silence(engine: Engine, result: FileScan, own: FileScan) -> FileScan:
    """Add a problem where an engine did not look at what it should have an opinion about."""
    silent = result.outcome is Outcome.UNSUPPORTED
    if not silent or set(own.formats) <= _OURS_ALONE:
        return result
    said = f"{engine.name} does not look into this file"
    return replace(result, outcome=Outcome.UNCHECKED, problems=(*result.problems, said))


def _together(own: FileScan, results: Iterable[FileScan]) -> FileScan:
    results = list(results)
    findings = [finding for result in results for finding in result.findings]
    problems = dict.fromkeys(problem for result in results for problem in result.problems)
    outcomes = {result.outcome for result in results}
    if any(finding.severity > Severity.INFO for finding in findings):
        outcome = Outcome.FINDINGS
    elif problems:
        outcome = Outcome.UNCHECKED
    else:
        outcome = Outcome.CLEAN if Outcome.CLEAN in outcomes else Outcome.UNSUPPORTED
    ordered = tuple(sorted(findings, key=lambda finding: finding.sort_key))
    return FileScan(own.path, own.formats, outcome, ordered, tuple(problems))
