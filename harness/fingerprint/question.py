"""What is a question? One experiment of a fingerprint, with the words that it can answer in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.fingerprint.finding import Finding
from harness.fingerprint.measuring.subject_runner import Lab


@dataclass(frozen=True)
class Question:
    """One experiment: `asks` is shown to people; `values` says what each word means, unless the contract's table does.

    `ask(lab)` returns a Finding and may raise anything: what a subject breaks is reported as such by who asks.
    `usual` are the values that nobody needs to look at; others are marked in the print.
    """

    name: str
    section: str
    asks: str
    ask: Callable[[Lab], Finding]
    values: Mapping[str, str] = field(default_factory=dict)
    usual: tuple[str, ...] = ()
