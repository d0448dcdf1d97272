"""`python -m staanet` is the command `staanet`."""

from staanet.cli import main

main()
