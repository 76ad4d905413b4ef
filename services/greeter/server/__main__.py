"""``python -m greeter.server``."""

import sys

from greeter.server.program import main

sys.exit(main())
