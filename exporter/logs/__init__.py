"""Log files: followed over rotation, searched, quoted."""
