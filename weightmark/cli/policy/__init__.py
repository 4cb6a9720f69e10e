"""`weightmark policy`: write, check, explain, try and sign a policy, and see what it would change."""
