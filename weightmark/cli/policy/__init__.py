"""`weightmark policy`: write, check, explain, try and sign a policy."""
