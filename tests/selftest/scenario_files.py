"""Small scenario files that the self-tests edit: one valid file of each kind, with sources and mutants."""

from __future__ import annotations

from pathlib import Path

SOURCES = """\
sources:
  a_page: {title: A page, author: an author, where: on a shelf}
"""

MUTANTS = """\
mutants:
  DecayForgotten: {does: Forget the decay., noticed_by: claims}
  NormOfAll: {does: Divide by the norm., noticed_by: fingerprint}
"""

_CLAIM = """\
  - id: {id}
    statement: what is claimed
    sources:
      - {{source: a_page, section: one}}
    convention: a factor a step
    documented: as claimed
    established: holds
    expect:
"""

PROBE = (
    """\
title: A row that no token looks up
kind: probe
probe: unseen_row
settings: {lr: 0.01, weight_decay: 3.0, steps: 300}
golden_rtol: 1.0e-9
arms:
  adamw: {role: decoupled}
  sgd_l2: {role: sgd, settings: {schedule: warmup_cosine}}
claims:
"""
    + _CLAIM.format(id="an_unseen_row_shrinks")
    + """\
      - {arm: adamw, measure: unseen_ratio, relation: equals_closed_form}
    counterexample: {arm: adamw, mutants: [DecayForgotten]}
"""
)

STUDY = (
    """\
title: Two arms of a short training
kind: study
task: verb_forms
model: gpt
recipe: {steps: 200}
seeds: [0, 1, 2, 3, 4, 5, 6, 7]
golden_rtol: 1.0e-9
golden:
  false_alarm: 1.0e-5
  gates:
    - {arm: control, measure: train_loss}
    - {arm: no_decay, measure: gap}
arms:
  control: {role: decoupled, lr: 3.0e-3, weight_decay: 1.0}
  no_decay: {role: decoupled, lr: 3.0e-3, weight_decay: 0.0}
claims:
"""
    + _CLAIM.format(id="decay_narrows_the_gap")
    + """\
      - {arm: control, measure: gap, relation: less_than, than: {arm: no_decay, measure: gap}, pilot: 4.0}
    counterexample: {swap: [control, no_decay]}
"""
)

ARITHMETIC = (
    """\
title: How long decay takes
kind: arithmetic
formula: decay_time
golden_rtol: 1.0e-12
arms:
  usual: {settings: {lr: 1.0e-3, weight_decay: 0.1}}
claims:
"""
    + _CLAIM.format(id="decay_is_slow")
    + """\
      - {arm: usual, measure: steps, relation: close_to, value: 10000.0, tolerance: 1.0e-6}
    counterexample: {arm: usual, settings: {lr: 1.0e-2, weight_decay: 0.1}}
"""
)

FILES = {"probes/row.yaml": PROBE, "studies/training.yaml": STUDY, "arithmetic/time.yaml": ARITHMETIC}
FILES |= {"sources.yaml": SOURCES, "mutants.yaml": MUTANTS}


def write(folder: Path, **changed: str) -> Path:
    """Write all files below `folder`/scenarios and return that folder.

    A keyword is the name of a file without its ending, and the text that replaces the text of this file.
    """
    for name, text in FILES.items():
        path = folder / "scenarios" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.get(path.stem, text), encoding="utf-8")
    return folder / "scenarios"


def replaced_once(text: str, old: str, new: str) -> str:
    """Return `text` with `old` replaced by `new`. `old` must occur exactly once."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)


def line_of(text: str, part: str) -> int:
    """Return the number, counted from 1, of the first line that has `part`."""
    return text[: text.index(part)].count("\n") + 1
