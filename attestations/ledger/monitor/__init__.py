"""Watching a ledger: named rules look at what was entered since the last time; one file a rule.

from weightmark.attestations.ledger.monitor.watching import Watch, watch

state, alerts = watch(ledger, Watch(), state)
"""

__all__: list[str] = []
