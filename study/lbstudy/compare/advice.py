"""For whom a built-in setting is meant: what no run can measure."""

from typing import Final

FOR_WHOM: Final = {
    "stock": "Servers that hardly ever change, or clients that are restarted more often than that.",
    "min-interval": "A companion of the others: a client may look up DNS sooner, but nothing makes it look.",
    "max-age": "Who can configure the servers, and has DNS and nothing else. The usual remedy.",
    "keepalive": "Who fears servers and hosts that vanish without a word: hung processes, lost nodes.",
    "outlier-detection": "Who has servers that answer, but with errors, and wants to be led around them.",
    "weighted-round-robin": "Servers of unequal strength, or with other work to do, that report their load.",
    "pick-first": "Clients that need one server and no balancing, or servers behind a balancing proxy.",
    "retries": "Calls that may be made twice without harm, where a lost request costs more than another try.",
    "combined": "Who has DNS and nothing else, and wants all remedies at once.",
    "push-combined": "Who can run one more service, and wants all remedies at once.",
    "push": "Who can run one more service: a control plane that tells the clients of each change at once.",
}
