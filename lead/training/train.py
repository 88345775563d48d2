"""The published entry point: ``python lead/training/train.py key=value ...``, also under ``torchrun``."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

EXIT_ERROR = 1


def main() -> int:
    """Train with this process's words and return the exit code: as ``lead train`` does."""
    from lead.errors import LeadError
    from lead.training.program import train

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    words = ["resume=true" if word == "--resume" else word for word in sys.argv[1:]]
    try:
        return train(words)
    except LeadError as error:
        if os.environ.get("LEAD_TRACEBACK") == "1":
            raise
        sys.stderr.write(f"train.py: {error}\n")
        return EXIT_ERROR


if __name__ == "__main__":
    # Python puts this folder first, where module names are looked up; the names of its files are not meant for that.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    sys.exit(main())
