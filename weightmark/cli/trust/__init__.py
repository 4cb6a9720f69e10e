"""`weightmark trust`: look at whom you trust, and write it down; one file a command."""
