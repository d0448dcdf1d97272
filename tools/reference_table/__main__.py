"""Build the reference table and handle submissions: `python tools/reference_table --help`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
from reference_table.commands import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
