"""Judges a requirement by runs or a watch: whether a clause held, why not, when that is decided. No I/O."""
