"""Real servers on free loopback ports for tests, demo and benchmarks; never shipped."""
