"""What lies on a machine: models and datasets wherever tools keep them, and what code asks for by name."""
