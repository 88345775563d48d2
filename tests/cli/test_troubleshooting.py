"""Every message that the troubleshooting page quotes exists in the code, word by word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
SYMPTOMS = [
    " ".join(quote.split())
    for bold in re.findall(r"\*\*(.+?)\*\*", PAGE, re.S)
    for quote in re.findall(r"`([^`]+)`", bold)
]
MESSAGES = [symptom for symptom in SYMPTOMS if " " in symptom]
PLACEHOLDER = "…"


def sentences(path: Path) -> list[str]:
    """Texts of a module with placeholders for what is put in; parts of a text that an expression joins stay apart."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.sub(r"%[sdg]|%\.\dg|\{\w+\}", PLACEHOLDER, node.value))
    return found


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [text for path in (ROOT / "lead").rglob("*.py") for text in sentences(path)] + [
        (ROOT / "Makefile").read_text()
    ]


def test_the_page_quotes_messages() -> None:
    assert len(MESSAGES) > 30


@pytest.mark.parametrize("message", MESSAGES)
def test_quoted_messages_exist(message: str, texts: list[str]) -> None:
    """Each stretch between placeholders is in one text of the code, all of them in that order."""
    parts = [re.escape(part.strip()) for part in message.split(PLACEHOLDER) if part.strip(" ;:(),.")]
    pattern = re.compile(".*?".join(parts), re.S)
    assert any(pattern.search(text) for text in texts), message


def test_linked_pages_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / link).is_file(), link
