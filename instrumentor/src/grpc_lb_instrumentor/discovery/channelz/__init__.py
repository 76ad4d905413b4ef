"""Subchannels, from gRPC's own channelz trace, read within the process."""
