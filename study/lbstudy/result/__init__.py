"""The one result model, behind terminal, JSON and HTML. Measures make its parts; renderers only read it."""
