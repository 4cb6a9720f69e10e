"""Plain web addresses: one file, or a folder that its `SHA256SUMS` lists."""
