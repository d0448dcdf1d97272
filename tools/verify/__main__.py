"""Recompute everything that is published: `python tools/verify [results]`. See `verify.check`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
from verify.check import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
