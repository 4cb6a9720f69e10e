"""Draw docs/images/terminal.svg: what the command line really prints, in colour, as a picture of text."""

import html
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from generated import ROOT, settle

PICTURE = ROOT / "docs/images/terminal.svg"
COLUMNS = 92
POISON = b"cposix\nsystem\n(S'echo this could be you'\ntR."
"""the whole attack: a pickle that calls `os.system` when it is loaded; it is scanned, never loaded"""
HONEST = b"\x80\x04}."
STORY = (
    "sign my-model --key release.key",
    "verify my-model --key release.pub",
    "scan downloaded",
    "gate downloaded --policy baseline --key release.pub -q",
)
_HEIGHT, _WIDTH, _MARGIN = 19, 8.43, 22
_ESCAPE = re.compile(r"\x1b\[(\d+)m")
_CLASSES = {"2": "dim", "31": "red", "32": "green", "33": "yellow"}
_STYLE = """\
text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
.screen { fill: #f6f8fa; stroke: #d1d9e0 } .call { font-weight: 600 }
.red { fill: #b3261e } .green { fill: #176f2c } .yellow { fill: #7d4e00 } .dim { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .screen { fill: #0d1117; stroke: #3d444d }
  .red { fill: #ff7b72 } .green { fill: #56d364 } .yellow { fill: #e3b341 } .dim { fill: #9198a1 }
}"""


def screen() -> list[str]:
    """Return the lines of the session: calls after `$`, then what they printed with escape codes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _set_the_scene(folder)
        lines: list[str] = []
        for call in STORY:
            lines += [f"$ weightmark {call}", *_printed(call, folder), ""]
    return lines[:-1]


def picture(lines: list[str]) -> str:
    """Return the SVG of a session; every line is text that can be selected and read aloud."""
    width, height = int(COLUMNS * _WIDTH + 2 * _MARGIN), len(lines) * _HEIGHT + 2 * _MARGIN
    rows = "\n".join(_row(number, line) for number, line in enumerate(lines) if line)
    calls = html.escape("; ".join(f"weightmark {call}" for call in STORY))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title said">\n'
        '<title id="title">weightmark in a terminal</title>\n'
        f'<desc id="said">What these calls print: {calls}</desc>\n'
        f"<style>\n{_STYLE}\n</style>\n"
        f'<rect class="screen" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>\n'
        f"{rows}\n</svg>\n"
    )


def _set_the_scene(folder: Path) -> None:
    """Make two models and a key; the key is always the same, so that the picture is, too."""
    for name, files in {
        "my-model": {"weights.pkl": HONEST},
        "downloaded": {"weights.pkl": HONEST, "optimizer.bin": POISON},
    }.items():
        (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
    _write_key(folder)


def _write_key(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.derive_private_key(int.from_bytes(b"drawn on a picture"), ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "release.key").write_bytes(private)
    (folder / "release.key").chmod(0o600)
    (folder / "release.pub").write_bytes(public)


def _printed(call: str, folder: Path) -> list[str]:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "weightmark", *call.split(), "--color", "always"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode not in {0, 1}:
        sys.exit(
            f"{done.stdout}{done.stderr}\nerror: `weightmark {call}` ended with {done.returncode}"
        )
    return [_cut(line.rstrip()) for line in done.stdout.splitlines()]


def _cut(line: str) -> str:
    """Cut a line where the picture ends, and say so; escape codes take no room."""
    room, kept = COLUMNS, ""
    for part in re.split(r"(\x1b\[\d+m)", line):
        if _ESCAPE.fullmatch(part):
            kept += part
        elif len(part) > room:
            return f"{kept}{part[: room - 1]}…"
        else:
            kept, room = kept + part, room - len(part)
    return kept


def _row(number: int, line: str) -> str:
    y = _MARGIN + (number + 1) * _HEIGHT - 5
    kind = ' class="call"' if line.startswith("$ ") else ""
    return f'<text x="{_MARGIN}" y="{y}"{kind} xml:space="preserve">{"".join(_spans(line))}</text>'


def _spans(line: str) -> Iterator[str]:
    """Yield the parts of a line, each in the colour that its escape code asks for."""
    kind = ""
    for number, part in enumerate(_ESCAPE.split(line)):
        if number % 2:
            kind = _CLASSES.get(part, "")
        elif part:
            text = html.escape(part, quote=False)
            yield f'<tspan class="{kind}">{text}</tspan>' if kind else text


if __name__ == "__main__":
    settle(PICTURE, picture(screen()), str(__doc__))
