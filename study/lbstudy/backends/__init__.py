"""A run read back from Jaeger and Prometheus, with no access to the store that it wrote itself."""
