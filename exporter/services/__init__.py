"""Services of this host: what a check of one is, and what all its processes have used."""
