"""What the study itself reports about a run, as traces.

The run's facts are what it knows beside its pods' telemetry: its description, what the platform saw, what the
programs counted themselves, and the DNS server's log. They are the spans of one trace, so that a reader of
Jaeger alone has the same record as a reader of the run's own store. ``facts`` has the records and ``names``
the names of spans and attributes. ``encode`` and ``decode`` convert between them (no I/O), ``otlp`` makes
requests of spans, ``send_facts`` sends them, and ``record`` writes them to a store.

Each change of servers is a trace (``change``), and so is each fault (``fault``), both without I/O;
``send_changes`` sends them.
"""
