"""Turns alerts, facts and operators' requests into steps, writes them down, performs them."""
