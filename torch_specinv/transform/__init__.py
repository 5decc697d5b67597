"""The short-time Fourier transform, its exact inverse, and what surrounds it."""
