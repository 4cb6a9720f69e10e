"""Reading a policy: one file a part of its text, each strict about every key."""
