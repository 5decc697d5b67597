"""From a user's spectrogram and keywords to a waveform: the entry that every method shares."""
