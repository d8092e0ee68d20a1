"""EVM networks: what endpoints say, whom to believe, how long the money lasts."""
