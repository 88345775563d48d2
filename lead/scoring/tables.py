"""Tables as data: what a report consists of, before it becomes text on a screen or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes:
        title: Heading.
        columns: Names of the columns.
        rows: Cells; None is a value that does not exist.
        note: A sentence under the table, or empty.
        digits: Decimals of numbers with a fraction.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    digits: int = 2

    def texts(self) -> list[list[str]]:
        """Return the cells as texts."""
        return [[cell_text(cell, self.digits) for cell in row] for row in self.rows]

    def is_numeric(self, column: int) -> bool:
        """Tell whether a column holds numbers, for its alignment."""
        cells = [row[column] for row in self.rows if row[column] is not None]
        return bool(cells) and not any(isinstance(cell, str) for cell in cells)

    def as_json(self) -> dict[str, Any]:
        """Return the table as plain JSON data, numbers unrounded."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "note": self.note}

    def markdown(self) -> str:
        """Return the table in Markdown, heading and note included."""
        marks = ["---:" if self.is_numeric(index) else "---" for index in range(len(self.columns))]
        lines = [[_escaped(name) for name in self.columns], marks]
        lines += [[_escaped(text) for text in row] for row in self.texts()]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n{body}\n" + (f"\n{self.note}\n" if self.note else "")

    def csv_rows(self) -> list[list[str]]:
        """Return title, header and rows with full precision, ended by an empty row."""
        rows = [["" if cell is None else str(cell) for cell in row] for row in self.rows]
        return [[self.title], list(self.columns), *rows, [""]]


def cell_text(cell: Cell, digits: int) -> str:
    """Return a cell as text; a dash for None."""
    if cell is None:
        return "-"
    return f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
