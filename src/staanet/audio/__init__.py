"""Audio functions: read, write and resample files, fit clips to a length, standardise, log-mel spectrograms."""
