"""The base of every error that a user can cause or cure.

A leaf module that all rooms may import. The command line prints such an error as one sentence and exits with
code 1; any other exception is a bug of ours and keeps its traceback.
"""


class LeadError(Exception):
    """Something the user can act on: the text is one clear sentence that says what to do."""


class MachineError(LeadError):
    """The machine cannot do at the moment what it can do at others: a drive that ends so is repeated."""
