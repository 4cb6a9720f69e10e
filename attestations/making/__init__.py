"""Making signatures and claims: sign, time-stamp, check the own output, place it."""
