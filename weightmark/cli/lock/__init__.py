"""`weightmark lock`: which bytes each address of a project stands for."""
