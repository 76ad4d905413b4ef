"""A run's own store: an OTLP receiver in front of one DuckDB file, and the source that reads it back."""
