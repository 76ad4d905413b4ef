"""Reads subchannels from gRPC's channelz trace, within the process."""
