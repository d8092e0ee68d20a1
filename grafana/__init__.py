"""Dashboards for Grafana, built by code that is small enough to be reviewed; the JSON is checked in."""
