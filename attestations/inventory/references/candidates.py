"""Which files may refer to artifacts, told by name; a script without a suffix by its first bytes."""

from pathlib import Path

from weightmark.attestations.inventory.references.adapters import ADAPTER_CONFIG

__all__ = ["may_refer", "reads_as"]

_BY_SUFFIX = {
    ".ipynb": "notebook",
    ".py": "python",
    ".pyw": "python",
}
_TEXT_SUFFIXES = (
    ".bash", ".cfg", ".conf", ".dockerfile", ".env", ".hcl", ".ini", ".modelfile", ".mk", ".sh", ".tf",
    ".toml", ".yaml", ".yml", ".zsh",
)  # fmt: skip
_TEXT_NAMES = ("containerfile", "dockerfile", "makefile", "modelfile")


def reads_as(name: str) -> str:
    """Return `adapter`, `python`, `notebook`, `text`, or an empty text for what names nothing."""
    low = name.lower()
    if low == ADAPTER_CONFIG:
        return "adapter"
    suffix = Path(low).suffix
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if low.endswith(_TEXT_SUFFIXES) or low.startswith(_TEXT_NAMES):
        return "text"
    return ""


def may_refer(path: Path) -> bool:
    """Tell whether a file is worth reading."""
    if reads_as(path.name):
        return True
    if path.suffix or path.is_symlink():
        return False
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
