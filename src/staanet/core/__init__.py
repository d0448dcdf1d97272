"""Foundations of all other packages: budgets, checkpoints, errors, files, records, registries, seeds, settings."""
