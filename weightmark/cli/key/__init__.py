"""`weightmark key`: make, show, list and rotate keys; one file a command."""
