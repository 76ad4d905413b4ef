"""The result model, which terminal, JSON and HTML show. Measures make its parts; renderers only read it."""
