"""How many samples could not be used and why: a training says it rather than learning from less in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

EXAMPLES_PER_KIND = 3


@dataclass(frozen=True)
class BadSample:
    """A sample that was replaced.

    Attributes:
        source: Name of its source.
        kind: What is wrong, in words that are the same for all such samples.
        message: One sentence.
        tags: Route and frame.
    """

    source: str
    kind: str
    message: str
    tags: str


@dataclass
class LoadReport:
    """What happened since the loader was made.

    Attributes:
        loaded: Samples that went into batches.
        bad: Samples that were replaced, by source and kind.
        examples: The first sentences of each, without repetitions.
    """

    loaded: int = 0
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def total_bad(self) -> int:
        """Number of samples that were replaced."""
        return sum(self.bad.values())

    def add(self, loaded: int, bad: Iterable[BadSample]) -> None:
        """Count a batch."""
        self.loaded += loaded
        for sample in bad:
            key = sample.source, sample.kind
            self.bad[key] += 1
            examples = self.examples.setdefault(key, [])
            has_tags = sample.tags in sample.message
            example = sample.message if has_tags else f"{sample.tags}: {sample.message}"
            if len(examples) < EXAMPLES_PER_KIND and example not in examples:
                examples.append(example)

    def __str__(self) -> str:
        """Return one line per kind, with an example."""
        if not self.bad:
            return f"{self.loaded} samples loaded, none was unusable"
        lines = [f"{self.loaded} samples loaded, {self.total_bad} unusable ones replaced by others"]
        for (source, kind), number in self.bad.most_common():
            lines.append(f"  {source}: {number} x {kind}, such as {self.examples[source, kind][0]}")
        return "\n".join(lines)
