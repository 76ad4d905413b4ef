"""Renderers of a Result: JSON, terminal and HTML. They compute only layout."""
