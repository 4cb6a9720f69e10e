"""What every service of ours does with hostile clients: bounds on bodies, rates, headers and readers."""
