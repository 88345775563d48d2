"""The errors of everything that reads or writes recorded routes."""

from __future__ import annotations

from lead.errors import LeadError


class DatasetError(LeadError):
    """A recorded route cannot be written, or a file of one is not what the format says."""


class SampleError(DatasetError):
    """One sample cannot be learnt from; a loader counts it, takes another one and goes on.

    Attributes:
        kind: What is wrong in two or three words, the same for all samples with this fault: errors are counted by it.
    """

    def __init__(self, message: str, kind: str = "unreadable file") -> None:
        """Say what is wrong.

        Args:
            message: One sentence that names the file or the frame.
            kind: As the attribute.
        """
        super().__init__(message)
        self.kind = kind
