"""Arrays derived from a map, kept on disk per map digest, because large towns take seconds to work out."""

from __future__ import annotations

import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.maps.towns import cache_dir

logger = logging.getLogger(__name__)

CACHE_VERSION = 13
"""Raised whenever the generated scenery changes."""

Arrays = Mapping[str, NDArray[Any]]


def cached_arrays(digest: str, name: str, make: Callable[[], Arrays]) -> Arrays:
    """Arrays from the cache, or made and stored there.

    Args:
        digest: Digest of the map.
        name: What the arrays are.
        make: Works them out.
    """
    path = cache_dir() / "scenery" / f"{digest[:16]}-{name}-v{CACHE_VERSION}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("The cached scenery %s is damaged (%s) and will be made again.", path, error)
    arrays = make()
    _save(path, arrays)
    return arrays


def _save(path: Path, arrays: Arrays) -> None:
    """Writes whole or not at all; a cache that cannot be written costs time, nothing else."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **dict[str, Any](arrays))
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        logger.warning("The scenery cannot be cached in %s: %s.", path.parent, error)
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise
