"""The alert rules, their tests, and what is made of them for others."""
