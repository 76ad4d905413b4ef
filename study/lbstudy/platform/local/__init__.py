"""Pods as processes on this machine: ``platform.LocalPlatform``.

The node and the DNS server are programs of their own and import from here, so this file imports nothing.
"""
