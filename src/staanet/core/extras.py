"""Imports of optional packages, which the extras of this library install."""

import importlib
from typing import Any

from staanet.core.errors import StaanetError


def import_extra(package: str, extra: str) -> Any:
    """Import and return a package that an extra installs.

    Args:
        package: Name of the package, or of a module in it, as in an import statement.
        extra: Name of the extra, as in `pip install staanet[extra]`.

    Raises:
        StaanetError: If the package is not installed.

    >>> import_extra("nosuch", "h5")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected the package nosuch, found none; install staanet[h5]
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise StaanetError(f"expected the package {package}, found none; install staanet[{extra}]") from None
