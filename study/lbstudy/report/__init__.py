"""Renderers of a Result: JSON, terminal and HTML. Nothing is computed here but layout."""
