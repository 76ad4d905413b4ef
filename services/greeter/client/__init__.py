"""The client: open-loop load from several channels, each of which is a simulated client."""
