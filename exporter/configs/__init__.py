"""What each part of exporter.yml may say: one file a domain."""
