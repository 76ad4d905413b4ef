"""Watches live Services: turns evidence into rows and events in words. Only modules at the edges do I/O."""
