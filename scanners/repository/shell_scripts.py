"""Scripts that a double click runs, which fetch a program and start it, or carry one in disguise.

Sources: LOLBAS (`certutil`, `mshta`, `regsvr32`, `bitsadmin`), PowerShell's `-EncodedCommand`. An installer
that fetches with care looks alike, so a mere download is no finding.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.paths import base_name

__all__ = ["is_shell_script", "judge_shell_script"]

_SCRIPT = re.compile(r"\.(?:bat|cmd|hta|ps1|psm1|vbe|vbs|wsf)\Z|\.(?:command|sh)\Z", re.IGNORECASE)
_CONTINUED = re.compile(r"[\^`\\]\r?\n")
_COMMENT = re.compile(r"^[ \t]*(?:@?rem\b|::|#(?!!)|').*$", re.IGNORECASE | re.MULTILINE)
_CARETS = re.compile(r"(?<=\w)\^(?=\w)")
_SIGNS = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (
            r"\b(?:powershell|pwsh)(?:\.exe)?\b[^\r\n]{0,400}?\s[-/]e(?:nc|nco\w*)?\s+\S",
            "an encoded command of PowerShell",
        ),
        (r"\bfrombase64string\s*\([^\r\n]{0,400}(?:\biex\b|invoke-expression)", "decoded code that is run"),
        (r"(?:\biex\b|invoke-expression)[^\r\n]{0,400}(?:download|frombase64|webrequest|\birm\b|\biwr\b|restmethod)", "code that is fetched and run"),
        (r"(?:downloadstring|webrequest|\birm\b|\biwr\b|restmethod|frombase64string)[^\r\n]{0,400}\|\s*(?:iex\b|invoke-expression)", "code that is fetched and run"),
        (r"\bmshta(?:\.exe)?\s+[\"']?(?:https?|javascript|vbscript):", "`mshta` with an address or code"),
        (r"\bregsvr32(?:\.exe)?\b[^\r\n]{0,200}/i:https?:", "`regsvr32` with an address"),
        (r"\brundll32(?:\.exe)?\b[^\r\n]{0,200}(?:javascript:|https?:|\\\\\w)", "`rundll32` with an address or code"),
        (r"\bcertutil(?:\.exe)?\b[^\r\n]{0,200}-(?:urlcache|decode)\b", "`certutil` that fetches or decodes"),
        (r"\b(?:curl|wget)\b[^\r\n|]{0,600}\|\s*(?:sudo\s+)?(?:/\S{0,80}/)?(?:ba|da|k|z)?sh\b[ \t]*(?:-s?\b|$|[;&\r\n])", "what is fetched goes to a shell"),
        (r"\bbase64\s+-{1,2}(?:d|D|decode)\b[^\r\n]{0,200}\|\s*(?:/\S{0,80}/)?(?:(?:ba|da|k|z)?sh|python\d?)\b", "decoded code that is run"),
        (r"/dev/tcp/[\w.$]", "a connection of the shell to elsewhere"),
        (r"\bmsxml2\.(?:server)?xmlhttp[\s\S]{0,4000}(?:\.run\b|shellexecute)", "a script that fetches and starts"),
    )
)  # fmt: skip
_FETCHED = re.compile(
    r"""\b(?:curl|wget|iwr|invoke-webrequest|bitsadmin|start-bitstransfer|downloadfile)\b[^\r\n]{0,600}?"""
    r"""([\w%$:{}~.\\/-]{0,200}?([\w-]{1,80}\.(?:exe|scr|com|msi|bat|cmd|ps1|vbs|dll)))["']?(?=[\s)&;,]|\Z)""",
    re.IGNORECASE,
)
_SHOWN = 120


def is_shell_script(path: str) -> bool:
    """Tell a script by the name by which a shell or a desktop starts it."""
    return _SCRIPT.search(base_name(path)) is not None


def judge_shell_script(path: str, text: str) -> Iterator[Hit]:
    """Yield what a script fetches or decodes in order to run it."""
    plain = _COMMENT.sub("", _CARETS.sub("", _CONTINUED.sub(" ", text)))
    for sign, said in _SIGNS:
        if found := sign.search(plain):
            yield Hit("REP013", f"{said}: {_shown(found[0])}")
    if path.lower().endswith(".sh"):
        return
    for fetched in _FETCHED.finditer(plain):
        name = fetched[2]
        if "://" in fetched[1] or fetched[1].startswith("//"):
            continue
        rest = plain[fetched.end() :]
        if re.search(
            rf"(?:^|[&|;\s\"'\\/]){re.escape(name)}(?=[\s\"'&|;)]|\Z)", rest, re.IGNORECASE
        ):
            yield Hit("REP013", f"`{name}` is fetched and started: {_shown(fetched[0])}")


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
