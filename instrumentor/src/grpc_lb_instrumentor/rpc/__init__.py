"""What client and server have in common, and the client's side: spans, metadata, durations."""
