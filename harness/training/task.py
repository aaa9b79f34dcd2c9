"""Verb-form task: 360 English sentences with a verb form to learn and random letters to memorise.

An example is `ask once she asked qzxf.`: lemma, time word, pronoun, verb form, four random letters, full stop. The verb form
follows from the words before it, so a network can generalise it. It can only memorise the letters.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

PRONOUNS = ("i", "you", "he", "she", "it", "we")
THIRD_PERSON = ("he", "she", "it")
TIME_WORDS = {"present": "now", "past": "once", "future": "soon"}
# The verbs are short, because the longest sentence determines the cost of a step. They still need
# every spelling rule below.
REGULAR = ("add", "aim", "ask", "beg", "cry", "end", "fix", "hug", "mix", "own", "try", "use")
IRREGULAR = {
    "buy": "bought",
    "dig": "dug",
    "eat": "ate",
    "get": "got",
    "go": "went",
    "run": "ran",
    "see": "saw",
    "win": "won",
}

UNSEEN = "_"  # a symbol that occurs in no sentence: only weight decay moves its embedding row
SYMBOLS = " ." + string.ascii_lowercase + UNSEEN
RANDOM_LETTERS = 4
HELD_OUT_PRONOUNS = 2  # of 6, for each verb and tense: 240 sentences to train on, 120 held out
TASK_SEED = 20
VOWELS = "aeiou"


@dataclass(frozen=True, eq=False)
class Sentences:
    """n sentences as symbol indices, padded at the end. The target at position t is the symbol at position t + 1.

    tokens: int64 (n, length). targets: bool (n, length - 1), true if the target is not padding.
    form: bool (n, length - 1), true if the target belongs to the verb form. regular: bool (n,), true if the verb is regular.
    """

    tokens: Tensor
    targets: Tensor
    form: Tensor
    regular: Tensor


@dataclass(frozen=True, eq=False)
class Task:
    """The sentences to train on, the held-out sentences, and all symbols. The last symbol occurs in no sentence."""

    symbols: str
    train: Sentences
    held_out: Sentences


@dataclass(frozen=True)
class Sentence:
    """The parts of one sentence: lemma, tense, pronoun, verb form and random letters."""

    lemma: str
    tense: str
    pronoun: str
    form: str
    letters: str

    @property
    def prompt(self) -> str:
        return f"{self.lemma} {TIME_WORDS[self.tense]} {self.pronoun} "

    @property
    def text(self) -> str:
        return f"{self.prompt}{self.form} {self.letters}."


def conjugate(lemma: str, tense: str, pronoun: str) -> str:
    """Return the English verb form, such as `cries`, `begged`, `went` or `will see`."""
    if tense == "future":
        return f"will {lemma}"
    if tense == "past":
        return IRREGULAR[lemma] if lemma in IRREGULAR else _regular_past(lemma)
    return _third_person(lemma) if pronoun in THIRD_PERSON else lemma


def _third_person(lemma: str) -> str:
    if _ends_in_consonant_y(lemma):
        return lemma[:-1] + "ies"
    return lemma + ("es" if lemma.endswith(("s", "x", "sh", "ch", "o")) else "s")


def _regular_past(lemma: str) -> str:
    if _ends_in_consonant_y(lemma):
        return lemma[:-1] + "ied"
    if lemma.endswith("e"):
        return lemma + "d"
    return lemma + (lemma[-1] if _doubles(lemma) else "") + "ed"


def _ends_in_consonant_y(lemma: str) -> bool:
    return lemma.endswith("y") and lemma[-2] not in VOWELS


def _doubles(lemma: str) -> bool:
    """Return True if the last consonant doubles: in `beg`, not in `aim` (two vowels), `ask` (two consonants) or `fix` (x)."""
    return lemma[-1] not in VOWELS + "wxy" and lemma[-2] in VOWELS and lemma[-3] not in VOWELS


@cache
def verb_forms() -> Task:
    """Return the task. Its split and its random letters are fixed: they are the same for every seed of every study."""
    train, held_out = split_sentences()
    length = max(len(sentence.text) for sentence in (*train, *held_out))
    return Task(SYMBOLS, _encode(train, length), _encode(held_out, length))


def split_sentences() -> tuple[list[Sentence], list[Sentence]]:
    """Return 240 sentences to train on and 120 held-out sentences.

    For each verb and tense, 4 pronouns are in the training sentences and the other 2 are held out.
    """
    generator = torch.Generator().manual_seed(TASK_SEED)
    train: list[Sentence] = []
    held_out: list[Sentence] = []
    # Tenses are the outer loop: sentences of similar length stay together, so that an evaluation
    # has little padding.
    for tense in TIME_WORDS:
        for lemma in (*REGULAR, *IRREGULAR):
            order = torch.randperm(len(PRONOUNS), generator=generator).tolist()
            sentences = [_sentence(lemma, tense, PRONOUNS[index], generator) for index in order]
            held_out += sentences[:HELD_OUT_PRONOUNS]
            train += sentences[HELD_OUT_PRONOUNS:]
    return train, held_out


def _sentence(lemma: str, tense: str, pronoun: str, generator: torch.Generator) -> Sentence:
    indices = torch.randint(len(string.ascii_lowercase), (RANDOM_LETTERS,), generator=generator).tolist()
    letters = "".join(string.ascii_lowercase[index] for index in indices)
    return Sentence(lemma, tense, pronoun, conjugate(lemma, tense, pronoun), letters)


def _encode(sentences: Sequence[Sentence], length: int) -> Sentences:
    # Padding has no effect: it is masked as a target, and all targets lie before it.
    tokens = torch.zeros(len(sentences), length, dtype=torch.int64)  # padding is symbol 0
    targets = torch.zeros(len(sentences), length - 1, dtype=torch.bool)
    form = torch.zeros_like(targets)
    for row, sentence in enumerate(sentences):
        text = sentence.text
        tokens[row, : len(text)] = torch.tensor([SYMBOLS.index(symbol) for symbol in text])
        targets[row, : len(text) - 1] = True
        start = len(sentence.prompt) - 1  # the position whose target is the first character of the form
        form[row, start : start + len(sentence.form)] = True
    regular = torch.tensor([sentence.lemma in REGULAR for sentence in sentences])
    return Sentences(tokens, targets, form, regular)
