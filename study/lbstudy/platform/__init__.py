"""Where servers and clients run. ``interface`` is what the study knows of it; one folder a platform."""
