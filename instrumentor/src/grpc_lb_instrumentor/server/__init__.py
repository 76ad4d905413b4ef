"""The server's side: the pod's name, the durations, and how busy the server is."""
