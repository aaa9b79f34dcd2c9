"""Tests of the prose: refused phrases, module docstrings, lengths of test names and comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from harness.environment.paths import ROOT

LONGEST_TEST_NAME = 60
LONGEST_COMMENT = 100
FOLDERS = ("harness", "src", "tests", "benchmarks")
FILES = [ROOT / "conftest.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
WRITTEN_PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests" / "mutants" / "README.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]
QUESTIONS = (
    "Are",
    "Can",
    "Did",
    "Do",
    "Does",
    "Has",
    "Have",
    "How",
    "Is",
    "Was",
    "What",
    "When",
    "Where",
    "Which",
    "Who",
    "Whose",
    "Why",
)
VERBS = ("Ask", "Compare", "Do", "Make", "Measure", "Print", "Return", "Say", "Tell")
# Phrase -> what to write instead. Each was read twice, or misread, by someone who did not write it.
REFUSED: Mapping[str, str] = {
    "say whether": "Return True if",
    "ask whether": "Return the finding on, Measure, Compare",
    "ask what": "Return the finding on, Measure, Compare",
    "ask how": "Return the finding on, Measure, Compare",
    "ask which": "Return",
    "is said": "is reported, or is printed",
    "are said": "are reported, or are printed",
    "was said": "was reported, or was printed",
    "said of": "reported about",
    "is told": "is reported, or is passed",
    "are told": "are reported, or are passed",
    "was told": "was passed",
    "held against": "compared with",
    "is heard": "is captured",
    "are heard": "are captured",
    "whoever": "name the reader: the author, the user, the caller",
    "nobody": "name who: no test, no worker",
    "somebody": "name who: an author, a reviewer",
    "stands still": "does not change",
    "is worth": "weight decay causes ... of the number",
    "knows no": "does not depend on",
    "in so many words": "literally",
    "no numbers any more": "not finite",
    "what became of": "the result of",
    "the same of": "say what the function does",
    "comes to the same": "is equal",
}
REFUSED_PATTERN = re.compile(r"\b(" + "|".join(REFUSED) + r")\b", re.IGNORECASE)


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def docstrings(path: Path) -> Iterator[str]:
    """Yield every docstring of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def comments(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every comment of a file with the line that holds it."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.string, token.line.rstrip()


def names_of_tests(path: Path) -> list[str]:
    """Return the names of the test functions of a file."""
    return [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def shown(path: Path, text: str) -> str:
    """Return a line that names a file and what was found in it."""
    return f"{path.relative_to(ROOT)}: {' '.join(text.split())}"


def refused(text: str) -> list[str]:
    """Return each refused phrase of a text, with its place in the sentence and what to write instead."""
    found = REFUSED_PATTERN.finditer(" ".join(text.split()))
    return [
        f"...{match.string[max(match.start() - 30, 0) : match.end() + 20]}... (write: {REFUSED[match[0].lower()]})"
        for match in found
    ]


def question_or_verb(summary: str) -> bool:
    """Return True if a summary begins as a question or a command, or is a question."""
    first, _, _ = summary.partition(" ")
    return first.rstrip(",:") in (*QUESTIONS, *VERBS) or "?" in summary


def test_no_docstring_has_a_refused_phrase() -> None:
    """The list above gives the reasons."""
    found = [shown(path, one) for path in FILES for text in docstrings(path) for one in refused(text)]

    assert not found, "\n".join(found)


def test_no_comment_has_a_refused_phrase() -> None:
    """A comment of several lines is read line by line."""
    here = Path(__file__)
    found = [shown(path, one) for path in FILES if path != here for text, _ in comments(path) for one in refused(text)]

    assert not found, "\n".join(found)


def test_no_written_page_has_a_refused_phrase() -> None:
    """Generated pages quote findings and verdicts, which are not covered."""
    found = [shown(path, one) for path in WRITTEN_PAGES for one in refused(path.read_text(encoding="utf-8"))]

    assert not found, "\n".join(found)


def test_module_docstrings_begin_with_a_noun_phrase() -> None:
    """A listing of a folder then reads as a table of contents."""
    summaries = {path: (ast.get_docstring(tree(path)) or "").partition("\n")[0] for path in FILES if tree(path).body}

    found = [
        shown(path, summary or "no docstring") for path, summary in summaries.items() if not summary or question_or_verb(summary)
    ]

    assert not found, "\n".join(found)


def test_names_of_tests_are_short() -> None:
    """A name is read in a list of failures, where 60 characters fit."""
    files = [path for path in FILES if (ROOT / "tests") in path.parents]
    found = [
        shown(path, f"{len(name)} {name}") for path in files for name in names_of_tests(path) if len(name) > LONGEST_TEST_NAME
    ]

    assert not found, "\n".join(found)


def test_comments_are_short_lines() -> None:
    """This holds for comments that stand on their own line; neither the indentation nor a rule of dashes counts."""
    texts = [
        (path, text) for path in FILES for text, line in comments(path) if line.strip() == text and not text.startswith("# ---")
    ]
    found = [shown(path, f"{len(text)} {text}") for path, text in texts if len(text) > LONGEST_COMMENT]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Is it right?", True),
        ("Return the chunk.", True),
        ("A chunk: is it trained?", True),
        ("The chunk cache.", False),
        ("Isolation of workers.", False),
    ],
)
def test_questions_and_commands_are_no_noun_phrases(text: str, problem: bool) -> None:
    """The rule of module docstrings sees both kinds, and a word that begins like one of them."""
    assert question_or_verb(text) is problem


def test_a_refused_phrase_is_found_across_lines() -> None:
    """The message shows the phrase in its sentence, and what to write."""
    assert refused("The number that decides") == []
    assert refused("what decay is\n    worth here") == [
        "...what decay is worth here... (write: weight decay causes ... of the number)"
    ]
