"""The client: open-loop load from several channels, each a simulated client."""
