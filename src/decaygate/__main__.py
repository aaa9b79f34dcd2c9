"""The launcher as a module: `python -m decaygate`."""

import sys

from decaygate.launcher import main

sys.exit(main())
