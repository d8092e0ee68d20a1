"""Pictures of the dashboards for the docs, drawn by Grafana's own panel components from live data.

A developer's tool: it downloads 421 MB from npm into .lab/pictures. Tests and the product never use it.
"""
