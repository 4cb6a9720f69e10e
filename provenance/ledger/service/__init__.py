"""A ledger for many clients at once: `POST /add` with group commit, tlog-tiles, claims, search, metrics.

    with LedgerService.open(lambda: Ledger.open(path), verifier) as service:
        serve(service_app(service, Limits()), "127.0.0.1", 7379)

`wire` says what travels (pure), `limits` how much (pure), `judging` verifies in processes of its own,
`sequencer` commits in groups, `reading` answers from the store, `streaming` sends claims piece by piece,
`guarding` gives every answer its headers, `app` is the HTTP front, `client` the other side of it.
"""

__all__: list[str] = []
