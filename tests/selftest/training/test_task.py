"""Tests of the verb-form task: correct English, a balanced and fixed split, masks on the right characters."""

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
def test_verb_forms_are_correct_english(lemma: str, tense: str, pronoun: str, form: str) -> None:
    """Regular verbs follow the spelling rules, irregular verbs the table."""
    assert conjugate(lemma, tense, pronoun) == form


def test_every_combination_occurs_once() -> None:
    """20 verbs, 6 pronouns and 3 tenses give 360 sentences: 240 to train on and 120 held out, none in both."""
    train, held_out = split_sentences()
    combinations = {(sentence.lemma, sentence.tense, sentence.pronoun) for sentence in (*train, *held_out)}
    assert (len(train), len(held_out)) == (240, 120)
    assert len(combinations) == (len(REGULAR) + len(IRREGULAR)) * len(PRONOUNS) * len(TIME_WORDS) == 360


def test_the_split_is_balanced() -> None:
    """Every verb has 4 training sentences and 2 held-out sentences in every tense."""
    train, held_out = split_sentences()
    for lemma in (*REGULAR, *IRREGULAR):
        for tense in TIME_WORDS:
            assert sum((sentence.lemma, sentence.tense) == (lemma, tense) for sentence in train) == 4
            assert sum((sentence.lemma, sentence.tense) == (lemma, tense) for sentence in held_out) == 2


def test_the_split_never_changes() -> None:
    """The goldens were recorded with this split and these random letters."""
    train, held_out = split_sentences()
    assert (train[0].text, held_out[0].text) == ("add now i add gsli.", "add now we add gzmz.")
    text = "\n".join(sentence.text for sentence in (*train, *held_out))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "27d346e03943655e"


def test_every_symbol_but_the_last_occurs() -> None:
    """All other symbols occur in the training sentences. The last one, the unseen symbol, occurs in no sentence."""
    task = verb_forms()
    assert task.symbols == SYMBOLS
    assert task.symbols[-1] == UNSEEN
    trained = set(task.train.tokens.unique().tolist())
    assert trained == set(range(len(SYMBOLS) - 1))
    assert set(task.held_out.tokens.unique().tolist()) <= trained


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_masks_select_the_text_and_the_verb_form(split: str) -> None:
    """The targets under the masks, decoded, are the text of the sentence and its verb form."""
    texts = dict(zip(("train", "held_out"), split_sentences(), strict=True))[split]
    sentences: Sentences = getattr(verb_forms(), split)
    for row, sentence in enumerate(texts):
        targets = sentences.tokens[row, 1:]
        assert _decode(targets[sentences.targets[row]]) == sentence.text[1:]
        assert _decode(targets[sentences.form[row]]) == sentence.form
        assert bool(sentences.regular[row]) == (sentence.lemma in REGULAR)


def _decode(indices: torch.Tensor) -> str:
    return "".join(SYMBOLS[index] for index in indices.tolist())
