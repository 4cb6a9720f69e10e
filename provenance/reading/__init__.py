"""Reading: every file is opened once and its bytes are handed to all that asked for them."""
