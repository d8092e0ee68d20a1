"""Turns nodes, databases and logs into Prometheus metrics; reads only, never acts."""
