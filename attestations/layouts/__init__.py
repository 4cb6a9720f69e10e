"""Classic in-toto: layouts and links, verified by the `in-toto` library; nothing that a layout names is run."""
