"""A run's own store: an OTLP receiver, one DuckDB file, and the source that reads it."""
