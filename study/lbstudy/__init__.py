"""The study: runs servers and clients, scales them, and reports what the clients made of it."""
