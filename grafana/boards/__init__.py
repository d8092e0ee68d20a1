"""The dashboards, one file each; `grafana/build.py` lists them."""
