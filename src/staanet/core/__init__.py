"""The words that every room shares: types, budget, registry, errors, seeds, settings, records, checkpoints."""
