"""Functions of a waveform: read, write, resample, fit to a length, standardise, log-mel spectrogram."""
