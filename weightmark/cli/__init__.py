'''The command line: one file a command; it wires the wings together and renders.

How to write a command, here `weightmark/cli/digest.py` (the map in `app.py` names it):

    """`weightmark digest`: print the identity of a model."""

    from typing import NoReturn

    import click

    from weightmark.cli.command import command
    from weightmark.cli.console import Console, pass_console
    from weightmark.cli.options.common import option, trust_options
    from weightmark.cli.render import CheckLine, Document, Outcome
    from weightmark.errors import Exit

    __all__ = ["digest"]

    @command("digest")                      # "ledger append" for a member of a group;
    @click.argument("path")                 # formats=("text", "json", "sarif") for more forms
    @option("--sha256", is_flag=True, harmless=True, help="Print the SHA-256 of every file")
    @pass_console
    def digest(console: Console, path: str, sha256: bool) -> NoReturn:
        """Print the identity of PATH."""
        from weightmark.provenance.manifest import ...          # wings are imported here

        with console.progress(total=None) as progress:         # a ProgressSink
            ...
        console.finish(Document("weightmark/digest/v1", Exit.GOOD, facts={...}, lines=(...)))

`lines` are the data asked for; `notices` say what was done, and are left out with `-q`.

Rules. `command()` adds `-f -o -q -v --color --no-progress --offline --config --isolated --jobs`:
read them from the console (`console.offline`, `console.jobs`, ...). With `command("key generate", own_output=True)` the
command declares `-o/--output` itself (a file that it makes). Do not add `common_options`, and do
not give `option()` the command's name: the twins follow from `command()`. Every option comes from
`option()` or `trust_options()`, never from `click.option`, so that it has its environment twins;
the twins of a flag come from its first long name. A file option uses `click.Path()` or
`FILE_OR_URI`, so that a settings file can say it relative to itself. `harmless=True` only for
options that cannot change a verdict, whom to trust, what is written or what is told. A command ends with
`console.finish(document)` or raises a `WeightmarkError` (or `click.UsageError`); it prints nothing
else. `console.note()`, `console.hint()` and `console.detail()` go to stderr.
`console.settings.origin("policy")` says where a value came from. Strings in a `Document` are raw:
the renderer makes names from the artifact harmless. `facts` are JSON values only, and become
members of the JSON object beside `schema verdict exit checks findings`; publish their schema in
`render/schemas/<command>.schema.json`.
'''
