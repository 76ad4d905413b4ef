"""The run's facts as telemetry: what a run knows that its pods' telemetry does not tell.

Its description, what the platform saw, what the programs counted themselves and the DNS server's log, as
spans of one trace. So a reader of Jaeger alone has the same record as the reader of the run's own store.

``model`` has the records, ``names`` the words on the wire, ``encode`` and ``decode`` go between the two
(pure), ``otlp`` makes requests of spans, and ``send`` sends them.
"""
