"""``python -m caller``."""

import sys

from caller.program import main

sys.exit(main())
