"""The trusted artifact ledger: an append-only Merkle log in the C2SP formats.

    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.proof import verify_receipt

    ledger = Ledger.open(path)
    receipts = ledger.append([Submission(claim, request)], verifier)
    verified = verify_receipt(receipts[0].text, ledger.verifier)

The pure core (`merkle`, `tiles`, `note`, `checkpoint`, `proof`, `event`, `admission`) knows no
input or output; `store/` keeps the truth, `publish` and `blobs` write files, `memory` remembers.
"""

__all__: list[str] = []
