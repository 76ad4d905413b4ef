"""``python -m lbstudy.platform.local.dns``."""

import sys

from lbstudy.platform.local.dns.server import main

sys.exit(main())
