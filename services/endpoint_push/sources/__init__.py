"""Sources of endpoints, one module each."""
