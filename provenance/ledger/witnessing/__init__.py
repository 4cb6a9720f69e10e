"""Witnesses: others who saw a log, so that its operator cannot show two histories (C2SP tlog-witness).

    from weightmark.provenance.ledger.witnessing.policy import parse_policy
    from weightmark.provenance.ledger.witnessing.quorum import verify_witnessed

    witnessed = verify_witnessed(note, parse_policy(data), now)

`cosignature`, `policy`, `quorum` and `request` are pure. `witness` and `state` are the witness's own
side, `visit` cosigns a log where it is published, `service` puts the witness on the network. `client`
and `collection` are the log's side.
"""

__all__: list[str] = []
