"""Number formats, the rounding law, packing and sparse matrices (NumPy only)."""
