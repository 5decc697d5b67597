"""What a spectrum has to satisfy: magnitudes, or bands of them."""
