"""The server: one pod, which answers after a constant time."""
