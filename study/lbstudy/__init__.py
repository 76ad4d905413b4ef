"""The study: runs servers and clients, scales the servers, and reports when the clients noticed."""
