"""Calls any method of any server, described by reflection, a descriptor set or .proto files."""
