"""Whether an artifact is safe to open: formats, pickles, containers, rules, findings."""
