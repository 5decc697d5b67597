"""Solvers that follow the gradient of an objective."""
