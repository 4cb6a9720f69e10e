"""`weightmark report`: what a framework asks for, filled with evidence that was verified."""
