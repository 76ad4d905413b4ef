"""The server's side: telling the pod's name, the durations, and how busy the server is."""
