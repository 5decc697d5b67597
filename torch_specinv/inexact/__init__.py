"""Magnitudes that no waveform has: which kind they are of, and iterations that suit each kind."""
