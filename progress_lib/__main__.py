"""`python -m progress_lib`: the command progress-report."""

import sys

from progress_lib.command import main

sys.exit(main())
