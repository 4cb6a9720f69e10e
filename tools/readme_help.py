"""Keep the command overview in README.md what ``weightmark --help`` prints."""

import os
import subprocess
import sys
from pathlib import Path

from generated import ROOT, settle

README = ROOT / "README.md"
BEGIN = "<!-- help:begin -->"
END = "<!-- help:end -->"


def help_text() -> str:
    """Return what the installed command prints, 80 columns wide and without colour."""
    command = Path(sys.executable).with_name("weightmark")
    if not command.exists():
        sys.exit(f"error: `{command.name}` is not installed beside `{sys.executable}`")
    environment = {"PATH": os.environ.get("PATH", ""), "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(
        [command, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode != 0:
        sys.exit(f"{done.stderr}\nerror: `weightmark --help` failed with code {done.returncode}")
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def with_help(readme: str, text: str) -> str:
    """Return `readme` with `text` between its two markers."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        sys.exit(f"error: README.md needs one line `{BEGIN}` and, after it, one `{END}`")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n```console\n$ weightmark --help\n{text}\n```\n{END}{after}"


def main() -> None:
    """Write or check the overview."""
    if not README.is_file():
        sys.exit("error: there is no README.md")
    settle(README, with_help(README.read_text(encoding="utf-8"), help_text()), str(__doc__))


if __name__ == "__main__":
    main()
