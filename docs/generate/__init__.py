"""Writes docs/reference from what the code itself declares. Run `make docs` and commit what it writes."""
