"""`python -m kybern` is `kybern`."""

import sys

from kybern.main import main

sys.exit(main())
