"""What an oracle node's database tells of its jobs: which schema it has, one question, what follows."""
