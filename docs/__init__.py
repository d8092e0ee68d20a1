"""What people read, and in `docs.generate` the program that writes docs/reference from the code."""
