"""Monit's control files, read and written anew as agent.yml."""
