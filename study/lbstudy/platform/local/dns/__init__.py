"""The DNS server of the local platform: what CoreDNS is to a cluster."""
