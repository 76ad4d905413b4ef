"""Who should use a built-in setting: what runs cannot measure."""

from typing import Final

FOR_WHOM: Final = {
    "stock": "Use it if servers hardly ever change, or if clients are restarted more often than that.",
    "min-interval": "Use it with others: a client may look up DNS sooner, but nothing makes it do so.",
    "max-age": "Use it if you can configure the servers and have only DNS. It is the usual remedy.",
    "keepalive": "Use it against servers and hosts that vanish without a word: hung processes, lost nodes.",
    "outlier-detection": "Use it if some servers answer with errors: clients then avoid them.",
    "weighted-round-robin": "Use it if servers that report their load differ in strength or other work.",
    "pick-first": "Use it if clients need only one server, or if a proxy balances the requests.",
    "retries": "Use it for calls that may run twice, if a lost request costs more than another attempt.",
    "combined": "Use it if you have only DNS, and want all remedies at once.",
    "push-combined": "Use it if you can run one more service, and want all remedies at once.",
    "push": "Use it if you can run one more service: a control plane that pushes each change at once.",
}
