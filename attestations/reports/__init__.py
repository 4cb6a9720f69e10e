"""Reports: what a framework asks for, filled with evidence that was verified, and what a person still has to say."""
