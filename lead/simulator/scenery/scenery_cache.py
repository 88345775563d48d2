"""Arrays derived from a map, kept on disk per map digest, because large towns take seconds to work out."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.maps.array_cache import save_arrays
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
    save_arrays(path, arrays, "the scenery")
    return arrays
