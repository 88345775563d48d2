"""``python -m lead``: the same command as ``lead``."""

from lead.cli.main import main

if __name__ == "__main__":
    main()
