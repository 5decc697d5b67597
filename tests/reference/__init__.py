"""Independent references: the textbook formulas in float64 numpy, slow and plain."""
