"""The demo: a whole call center on one machine, with simulated callers and agents, and one seat for the newcomer."""
