"""The ``lead`` command: one module per sub-command, imported only when it runs."""
