"""The trusted artifact ledger: an append-only Merkle log in the C2SP formats.

    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.proof import verify_receipt

    ledger = Ledger.open(path)
    receipts = ledger.append([Submission(claim, request)], verifier)
    verified = verify_receipt(receipts[0].text, ledger.verifier)

The pure core (`merkle`, `tiles`, `note`, `checkpoint`, `proof`, `event`, `admission`) knows no
input or output. A `home/` is where a ledger lives: `store/` keeps the truth, `blobs` the claims, and
`publish` writes a `view/` that any web server can serve. `checkpoint_memory` remembers what a reader
saw, `witnessing/` lets others cosign, `service/` serves, `export/` writes for other tools.
"""

__all__: list[str] = []
