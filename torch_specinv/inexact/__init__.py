"""Inconsistent magnitudes: which kind they are of, and iterations that suit each kind."""
