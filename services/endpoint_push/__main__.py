"""``python -m endpoint_push``."""

import sys

from endpoint_push.program import main

sys.exit(main())
