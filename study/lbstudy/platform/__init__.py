"""Where servers and clients run. ``interface`` is all that the study uses; each platform has a folder."""
