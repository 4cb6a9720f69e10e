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
            r"\b(?:powershell|pwsh)(?:\.exe)?\b[^\r\n]{0,200}?\s[-/]e(?:c|n(?:c\w*)?)?\s+\S",
            "an encoded command of PowerShell",
        ),
        (r"\bfrombase64string\s*\([^\r\n]{0,200}(?:\biex\b|invoke-expression)", "decoded code that is run"),
        (r"(?:\biex\b|invoke-expression)[^\r\n]{0,200}(?:download|frombase64|webrequest|\birm\b|\biwr\b|restmethod)", "code that is fetched and run"),
        (r"(?:downloadstring|webrequest|\birm\b|\biwr\b|restmethod|frombase64string)[^\r\n]{0,200}\|\s*(?:iex\b|invoke-expression)", "code that is fetched and run"),
        (r"\bmshta(?:\.exe)?\s+[\"']?(?:https?|javascript|vbscript):", "`mshta` with an address or code"),
        (r"\bregsvr32(?:\.exe)?\b[^\r\n]{0,200}/i:https?:", "`regsvr32` with an address"),
        (r"\brundll32(?:\.exe)?\b[^\r\n]{0,200}(?:javascript:|https?:|\\\\\w)", "`rundll32` with an address or code"),
        (r"\bcertutil(?:\.exe)?\b[^\r\n]{0,200}-(?:urlcache|decode)\b", "`certutil` that fetches or decodes"),
        (r"\b(?:curl|wget)\b[^\r\n|]{0,300}\|\s*(?:sudo\s+)?(?:/\S{0,80}/)?(?:ba|da|k|z)?sh\b[ \t]*(?:-s?\b|$|[;&\r\n])", "what is fetched goes to a shell"),
        (r"\bbase64\s+-{1,2}(?:d|D|decode)\b[^\r\n]{0,200}\|\s*(?:/\S{0,80}/)?(?:(?:ba|da|k|z)?sh|python\d?)\b", "decoded code that is run"),
        (r"/dev/tcp/[\w.$]", "a connection of the shell to elsewhere"),
        (r"\bmsxml2\.(?:server)?xmlhttp[\s\S]{0,500}(?:\.run\b|shellexecute)", "a script that fetches and starts"),
    )
)  # fmt: skip
_FETCHED = re.compile(
    r"\b(?:curl|wget|iwr|invoke-webrequest|bitsadmin|start-bitstransfer|downloadfile)\b[^\r\n]{0,600}",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[\s\"'&|;()<>,]+")
_PROGRAM = re.compile(
    r"(?:.*[\\/])?([\w-]{1,80}\.(?:bat|cmd|com|exe|msi|ps1|scr|vbs))", re.IGNORECASE
)
_STARTED = (
    r"(?:^|[\r\n&|;]|\bcall\b|\bstart\b(?:\s+\"\"|\s+/\w+)*|\bstart-process\b(?:\s+-filepath)?)\s*"
    r"[\"']?(?:[\w%$:{{}}~.-]*[\\/])?{name}(?=[\s\"'&|;)]|\Z)"
)
_USUAL = re.compile(
    r"https://(?:[\w-]+\.)*(?:anaconda\.(?:com|org)|astral\.sh|docker\.com|microsoft\.com|nodejs\.org|nvidia\.com|ollama\.com"
    r"|python\.org|pypa\.io|rustup\.rs)/",
    re.IGNORECASE,
)
"""hosts from which installers are usually fetched"""
_MOST_PROGRAMS = 50
_SHOWN = 120


def is_shell_script(path: str) -> bool:
    """Tell a script by the name by which a shell or a desktop starts it."""
    return _SCRIPT.search(base_name(path)) is not None


def judge_shell_script(text: str) -> Iterator[Hit]:
    """Yield what a script fetches or decodes in order to run it."""
    plain = _COMMENT.sub("", _CARETS.sub("", _CONTINUED.sub(" ", text)))
    for sign, said in _SIGNS:
        if (found := sign.search(plain)) and not _USUAL.search(found[0]):
            yield Hit("REP013", f"{said}: {_shown(found[0])}")
    for name, line, at in _stored_programs(plain):
        pattern = _STARTED.format(name=re.escape(name))
        if re.compile(pattern, re.IGNORECASE).search(plain, at):
            yield Hit("REP013", f"`{name}` is fetched and started: {_shown(line)}")


def _stored_programs(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the programs that lines store which fetch something, each once: name, line, and its place."""
    seen: set[str] = set()
    for fetched in _FETCHED.finditer(text):
        if _USUAL.search(fetched[0]):
            continue
        for word in _WORDS.split(fetched[0]):
            program = _PROGRAM.fullmatch(word)
            if not program or "://" in word or program[1].lower() in seen:
                continue
            seen.add(program[1].lower())
            yield program[1], fetched[0], fetched.start()
            if len(seen) > _MOST_PROGRAMS:
                return


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
