"""From a planned notification to a delivered one: outbox, budgets, wording, workers."""
