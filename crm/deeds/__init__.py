"""Deeds: acts that need several subjects, one file each. Called by pages and the command line; they never commit."""
