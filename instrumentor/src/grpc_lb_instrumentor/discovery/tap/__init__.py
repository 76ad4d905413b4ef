"""The DNS tap: a forwarder that a channel's target names as its nameserver.

It passes raw packets to the real nameservers and back, unchanged, and reports each resolution. It runs in its
own process, because a thread beside a busy application waits for the GIL (measured: 21 ms a query). It
imports only the standard library and dnspython.
"""
