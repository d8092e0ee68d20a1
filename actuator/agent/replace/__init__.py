"""Builtin `config`: replace a daemon's configuration, and take it back when that does not live."""
