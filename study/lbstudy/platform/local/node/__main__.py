"""``python -m lbstudy.platform.local.node CONTROL PARENT [MODULE …]``: the node's process.

``CONTROL`` is the descriptor of its control socket, ``PARENT`` the id of the process that starts it,
``MODULE`` a module that it imports for pods that are forks.
"""

import signal
import socket
import sys

from lbstudy.platform.local.node.kubelet import Kubelet
from lbstudy.platform.local.node.messages import Prepared
from lbstudy.platform.local.node.pod import run
from lbstudy.platform.local.node.preload import preload
from lbstudy.platform.local.parent import adopt_orphans, die_with_parent


def main() -> None:
    """Be the node or, in a fork of it, the pod."""
    control = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(signal.SIGTERM, int(sys.argv[2]))
    adopt_orphans()
    threads = preload(sys.argv[3:])
    kubelet = Kubelet(control)
    kubelet.tell(Prepared(threads))
    pod = kubelet.run()
    if pod is not None:
        run(pod)


main()
