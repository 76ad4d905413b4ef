"""The server: one pod that answers after a constant time."""
