"""The DNS server of the local platform, in the role that CoreDNS has in a cluster."""
