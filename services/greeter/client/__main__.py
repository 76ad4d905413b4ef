"""``python -m greeter.client``."""

import sys

from greeter.client.program import main

sys.exit(main())
