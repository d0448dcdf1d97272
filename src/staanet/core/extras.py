"""Packages that only some of the work needs: each belongs to an extra of this library."""

import importlib
from typing import Any

from staanet.core.errors import StaanetError


def import_extra(package: str, extra: str) -> Any:
    """Import a package of an extra.

    Raises:
        StaanetError: it is not installed.

    >>> import_extra("nosuch", "h5")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected the package nosuch, found none; install staanet[h5]
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise StaanetError(f"expected the package {package}, found none; install staanet[{extra}]") from None
