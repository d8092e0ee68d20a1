"""Benchmarks, each side by side with a real peer or its published rule; results as ratios."""
