"""Is the verb-form task what it says: right English, a balanced fixed split, masks on the right characters?"""

from __future__ import annotations

import hashlib

import pytest
import torch

from harness.training.task import (
    IRREGULAR,
    PRONOUNS,
    REGULAR,
    SYMBOLS,
    TIME_WORDS,
    UNSEEN,
    Sentences,
    conjugate,
    split_sentences,
    verb_forms,
)


@pytest.mark.parametrize(
    ("lemma", "tense", "pronoun", "form"),
    [
        ("ask", "present", "i", "ask"),
        ("ask", "present", "she", "asks"),
        ("fix", "present", "it", "fixes"),
        ("go", "present", "he", "goes"),
        ("cry", "present", "she", "cries"),
        ("buy", "present", "she", "buys"),
        ("ask", "past", "we", "asked"),
        ("use", "past", "it", "used"),
        ("cry", "past", "you", "cried"),
        ("beg", "past", "i", "begged"),
        ("aim", "past", "i", "aimed"),
        ("mix", "past", "i", "mixed"),
        ("own", "past", "i", "owned"),
        ("go", "past", "he", "went"),
        ("see", "future", "we", "will see"),
    ],
)
def test_conjugates_english(lemma: str, tense: str, pronoun: str, form: str) -> None:
    """A verb form follows English spelling, and the table where a verb is irregular."""
    assert conjugate(lemma, tense, pronoun) == form


def test_every_combination_occurs_once() -> None:
    """20 verbs, 6 pronouns and 3 tenses make 360 sentences, 240 to train on and 120 held out, none in both."""
    train, held_out = split_sentences()
    combinations = {(one.lemma, one.tense, one.pronoun) for one in (*train, *held_out)}
    assert (len(train), len(held_out)) == (240, 120)
    assert len(combinations) == (len(REGULAR) + len(IRREGULAR)) * len(PRONOUNS) * len(TIME_WORDS) == 360


def test_split_is_balanced() -> None:
    """Every verb in every tense has 4 sentences to learn from and 2 that are held out."""
    train, held_out = split_sentences()
    for lemma in (*REGULAR, *IRREGULAR):
        for tense in TIME_WORDS:
            assert sum((one.lemma, one.tense) == (lemma, tense) for one in train) == 4
            assert sum((one.lemma, one.tense) == (lemma, tense) for one in held_out) == 2


def test_split_never_changes() -> None:
    """The split and the random letters are those that the goldens were recorded with."""
    train, held_out = split_sentences()
    assert (train[0].text, held_out[0].text) == ("add now i add gsli.", "add now we add gzmz.")
    text = "\n".join(sentence.text for sentence in (*train, *held_out))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "27d346e03943655e"


def test_every_symbol_but_the_last_occurs() -> None:
    """The training sentences hold every symbol except the unseen one, which no sentence holds."""
    task = verb_forms()
    assert task.symbols == SYMBOLS
    assert task.symbols[-1] == UNSEEN
    seen = set(task.train.tokens.unique().tolist())
    assert seen == set(range(len(SYMBOLS) - 1))
    assert set(task.held_out.tokens.unique().tolist()) <= seen


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_masks_select_text_and_form(split: str) -> None:
    """Decoded through its masks, a sentence gives back its text and its verb form."""
    written = dict(zip(("train", "held_out"), split_sentences(), strict=True))[split]
    sentences: Sentences = getattr(verb_forms(), split)
    for row, sentence in enumerate(written):
        following = sentences.tokens[row, 1:]
        assert _decode(following[sentences.targets[row]]) == sentence.text[1:]
        assert _decode(following[sentences.form[row]]) == sentence.form
        assert bool(sentences.regular[row]) == (sentence.lemma in REGULAR)


def _decode(indices: torch.Tensor) -> str:
    return "".join(SYMBOLS[index] for index in indices.tolist())
