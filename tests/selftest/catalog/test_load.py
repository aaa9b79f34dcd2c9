"""Tests of loading: every name in a scenario is checked, and a refusal is one line with the known names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load, load_mutants
from harness.catalog.loaded_scenario import formula_arguments, measures_of, recipe_of, settings_of
from harness.errors import ScenarioError
from harness.probes import PROBES
from harness.training.measures import MEASURES
from tests.selftest.scenario_files import ARITHMETIC, MUTANTS, PROBE, SOURCES, STUDY, line_of, replaced_once, write

STUDY_MEASURES = ", ".join(sorted(MEASURES))


def refusal(folder: Path, **changed: str) -> str:
    """Return the first line of the message with which a folder with changed files is refused."""
    with pytest.raises(ScenarioError) as caught:
        load(write(folder, **changed))
    return str(caught.value).splitlines()[0]


def test_a_scenario_has_the_name_of_its_file_as_id(tmp_path: Path) -> None:
    """The folder has one scenario of each kind."""
    scenarios = load(write(tmp_path))

    assert {name: loaded.scenario.kind for name, loaded in scenarios.items()} == {
        "row": "probe",
        "training": "study",
        "time": "arithmetic",
    }
    assert scenarios["row"].raw.file == "scenarios/probes/row.yaml"


def test_an_arm_overrides_the_settings_of_its_scenario(tmp_path: Path) -> None:
    """It does so key by key. The settings that it does not name are those of the scenario."""
    text = replaced_once(PROBE, "{schedule: warmup_cosine}", "{schedule: warmup_cosine, lr: 0.02}")
    scenario = load(write(tmp_path, row=text))["row"].scenario

    shared, overridden = settings_of(scenario, "adamw"), settings_of(scenario, "sgd_l2")

    assert (shared.lr, shared.steps, overridden.lr, overridden.steps) == (0.01, 300, 0.02, 300)
    assert (shared.schedule, overridden.schedule) == ("constant", "warmup_cosine")


def test_a_recipe_and_the_arguments_of_a_formula_are_bound(tmp_path: Path) -> None:
    """A recipe gets its defaults, and the arguments are numbers."""
    scenarios = load(write(tmp_path))

    assert (recipe_of(scenarios["training"].scenario).steps, recipe_of(scenarios["training"].scenario).batch_size) == (200, 4)
    assert formula_arguments(scenarios["time"].scenario.arms["usual"]) == {"lr": 1e-3, "weight_decay": 0.1}


def test_each_kind_has_its_own_measures(tmp_path: Path) -> None:
    """They are those of the probe, those of all studies, or the one of the formula."""
    scenarios = load(write(tmp_path))

    assert "unseen_ratio" in measures_of(scenarios["row"].scenario)
    assert measures_of(scenarios["training"].scenario) == list(MEASURES)
    assert measures_of(scenarios["time"].scenario) == ["steps"]


PROBE_KEYS = "required: arms, claims, golden_rtol, kind, probe, settings, title; optional: long"
STUDY_KEYS = "required: arms, claims, golden, golden_rtol, kind, model, recipe, seeds, task, title; optional: long"
ROW_KEYS = "required: lr, weight_decay; optional: law, schedule, seed, steps"
CLAIM_KEYS = (
    "required: convention, counterexample, documented, established, expect, id, sources, statement; "
    "optional: instead, needs, when"
)
ONE_TARGET = "needs exactly one of the keys value (a number) and than (the measure of an arm)"
PROBE_REFUSALS = [
    ("probe: unseen_row", "probe: unseen_rwo", "probe: unknown probe 'unseen_rwo'; did you mean 'unseen_row'? (known: "),
    ("probe: unseen_row\n", "", f"missing key: probe; {PROBE_KEYS} (line 1)"),
    ("golden_rtol: 1.0e-9\n", "", f"missing key: golden_rtol; {PROBE_KEYS} (line 1)"),
    ("settings: {lr: 0.01, weight_decay: 3.0, steps: 300}\n", "", f"missing key: settings; {PROBE_KEYS} (line 1)"),
    ("kind: probe\n", "", "missing key: kind; its value is one of arithmetic, probe, study (line 1)"),
    ("steps: 300", "step: 300", f"settings: unknown key: step (did you mean 'steps'?); {ROW_KEYS} (line 4)"),
    ("weight_decay: 3.0, ", "", f"settings: missing key: weight_decay; {ROW_KEYS} (line 4)"),
    ("schedule: warmup_cosine", "schedule: cosine", "arms.sgd_l2.settings.schedule: unknown value 'cosine'"),
    ("kind: probe", "kind: prob", "kind: unknown value 'prob'; did you mean 'probe'? (known: arithmetic, probe, study) (line 2)"),
    ("golden_rtol:", "seeds: [1]\ngolden_rtol:", "seeds: this key is for kind: study, and the scenario has kind: probe; remove "),
    ("golden_rtol:", "formula: a\ngolden_rtol:", "formula: this key is for kind: arithmetic, and the scenario has kind: probe; "),
    (
        "role: decoupled",
        "role: decopled",
        "arms.adamw.role: unknown value 'decopled'; did you mean 'decoupled'? (known: any, coupled, ",
    ),
    (
        "role: decoupled",
        "role: fixed",
        "arms.adamw: expected a role (decoupled, coupled, sgd, any), or role: fixed with subject: module:attribute; got neither"
        " (line 7)",
    ),
    (
        "role: decoupled",
        'role: decoupled, subject: "a:B"',
        "arms.adamw: expected a role (decoupled, coupled, sgd, any), or role: fixed with subject: module:attribute; got both",
    ),
    (
        "role: decoupled",
        "role: decoupled, lr: 1.0",
        "arms.adamw.lr: this key is for kind: study, and the scenario has kind: probe; remove the key (line 7)",
    ),
    (
        "role: decoupled",
        "role: decoupled, options: {betas: [0.5, 0.9]}",
        "claims[0]: needs: expected adam_options: taken, because the arm adamw gives betas to the optimizer; without this need ",
    ),
    (
        "{arm: adamw, measure: unseen_ratio,",
        "{arm: adam, measure: unseen_ratio,",
        "claims[0].expect[0]: arm: unknown arm 'adam'; did you mean 'adamw'? (known: adamw, sgd_l2) (line 18)",
    ),
    (
        "unseen_ratio",
        "unseen_rate",
        "claims[0].expect[0]: measure: unknown measure 'unseen_rate'; did you mean 'unseen_ratio'? (known: ",
    ),
    (
        "equals_closed_form",
        "equal",
        "claims[0].expect[0].relation: unknown relation 'equal' (known: at_least, at_most, close_to, differs",
    ),
    ("equals_closed_form", "at_least, value: no", "claims[0].expect[0].value: expected number, got 'no' (bool) (line 18)"),
    ("equals_closed_form", "at_least", f"claims[0].expect[0]: at_least {ONE_TARGET}, got neither (line 18)"),
    (
        "equals_closed_form",
        "at_least, value: 1.0, than: {arm: sgd_l2, measure: unseen_ratio}",
        f"claims[0].expect[0]: at_least {ONE_TARGET}, got both (line 18)",
    ),
    (
        "equals_closed_form",
        "at_least, than: {arm: sgd, measure: unseen_ratio}",
        "claims[0].expect[0]: arm: unknown arm 'sgd'; did you mean 'sgd_l2'? (known: adamw, sgd_l2) (line 18)",
    ),
    ("equals_closed_form", "close_to, value: 1.0", "claims[0].expect[0]: close_to needs the key tolerance: add it (line 18)"),
    (
        "equals_closed_form",
        "differs_from, value: 1.0",
        "claims[0].expect[0]: differs_from needs the key tolerance: add it (line ",
    ),
    (
        "equals_closed_form",
        "within_fraction_of_closed_form",
        "claims[0].expect[0]: within_fraction_of_closed_form needs the key fraction: add it (line 18)",
    ),
    (
        "equals_closed_form",
        "equals_closed_form, tolerance: 0.1",
        "claims[0].expect[0]: equals_closed_form does not use the key tolerance: remove it (line 18)",
    ),
    (
        "equals_closed_form",
        "equals_closed_form, value: 0.1",
        "claims[0].expect[0]: equals_closed_form does not use the key value: remove it",
    ),
    (
        "equals_closed_form",
        "at_least, value: 0.1, tolerance: 0.1",
        "claims[0].expect[0]: at_least does not use the key tolerance: remove it",
    ),
    ("equals_closed_form", "at_most, value: 0.1, fraction: 0.1", "claims[0].expect[0]: at_most does not use the key fraction: "),
    ("id: an_unseen_row_shrinks", "id: AnUnseenRow", "claims[0]: id: expected snake_case, got 'AnUnseenRow' (line 10)"),
    ("id: an_unseen_row_shrinks", "name: x", f"claims[0]: unknown key: name; {CLAIM_KEYS} (line 10)"),
    (
        "source: a_page",
        "source: a_pag",
        "claims[0].sources[0]: unknown source 'a_pag'; did you mean 'a_page'? (known: a_page) (line 13)",
    ),
    ("established: holds", "established: holds_when", "claims[0]: established: holds_when needs the key 'when', which says "),
    (
        "established: holds",
        "established: refuted",
        "claims[0]: established: refuted needs the key 'instead', which says what is true (line 10)",
    ),
    (
        "established: holds",
        "established: true",
        "claims[0].established: unknown value 'true' (known: holds, holds_when, refuted) (line 16)",
    ),
    (
        "\n      - {source: a_page, section: one}",
        " []",
        "claims[0]: sources: expected at least one source, got none (line 10)",
    ),
    ("convention: a factor a step", 'convention: " "', "claims[0]: convention: expected a sentence, got an empty text (line 10)"),
    ("    convention: a factor a step\n", "", f"claims[0]: missing key: convention; {CLAIM_KEYS} (line 10)"),
    (
        ", mutants: [DecayForgotten]",
        "",
        "claims[0].counterexample: expected the key mutants in a scenario of kind: probe, got none (line 19)",
    ),
    (
        "mutants: [DecayForgotten]",
        "mutants: [DecayForgotten], swap: [adamw, sgd_l2]",
        "claims[0].counterexample: expected the key mutants in a scenario of kind: probe, got mutants and swap (line 19)",
    ),
    (
        "counterexample: {arm: adamw, ",
        "counterexample: {",
        "claims[0].counterexample: missing key: arm; its value is one of adamw, sgd_l2 (line 19)",
    ),
    (
        "counterexample: {arm: adamw, ",
        "counterexample: {arm: adam, ",
        "claims[0].counterexample: arm: unknown arm 'adam'; did you mean 'adamw'? (known: adamw, sgd_l2) (line 19)",
    ),
    (
        "counterexample: {arm: adamw, ",
        "counterexample: {arm: sgd_l2, ",
        "claims[0].counterexample: arm: no expectation of the claim reads the arm 'sgd_l2'; choose one of adamw (line 19)",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), PROBE_REFUSALS)
def test_a_wrong_probe_scenario_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The message has the file, the key path, the expected or known names, and the line."""
    error = refusal(tmp_path, row=replaced_once(PROBE, old, new))

    assert error.startswith(f"scenarios/probes/row.yaml: {message}")
    assert error.endswith(")")


STUDY_REFUSALS = [
    ("task: verb_forms", "task: verbs", "task: unknown task 'verbs'; did you mean 'verb_forms'? (known: verb_forms) (line 3)"),
    ("model: gpt", "model: gtp", "model: unknown model 'gtp'; did you mean 'gpt'? (known: gpt) (line 4)"),
    ("model: gpt\n", "", f"missing key: model; {STUDY_KEYS} (line 1)"),
    ("recipe: {steps: 200}\n", "", f"missing key: recipe; {STUDY_KEYS} (line 1)"),
    ("seeds: [0, 1, 2, 3, 4, 5, 6, 7]\n", "", f"missing key: seeds; {STUDY_KEYS} (line 1)"),
    (
        "recipe: {steps: 200}",
        "recipe: {stpes: 200}",
        "recipe: unknown key: stpes (did you mean 'steps'?); optional: batch_size, ",
    ),
    ("recipe: {steps: 200}", "recipe: {steps: 0}", "recipe.steps: expected 1 or more, got 0 (line 1)"),
    ("recipe: {steps: 200}", "recipe: {evaluate_every: 0}", "recipe.evaluate_every: expected 1 or more, got 0 (line 1)"),
    ("golden_rtol: 1.0e-9\n", "", f"missing key: golden_rtol; {STUDY_KEYS} (line 1)"),
    ("golden_rtol: 1.0e-9", "golden_rtol: 0.1", "golden_rtol: expected more than 0 and at most 1e-06, got 0.1 (line 1)"),
    (
        "recipe: {steps: 200}",
        "recipe: {schedule: cosine, warmup_steps: 50}",
        "recipe.warmup_steps: expected 100 or more with schedule: cosine, got 50",
    ),
    (
        "seeds: [0, 1, 2, 3, 4, 5, 6, 7]",
        "seeds: [0, 1, 2, 3, 4, 5, 6]",
        "seeds: expected at least 8 different seeds, got 7 (line 1)",
    ),
    (
        "seeds: [0, 1, 2, 3, 4, 5, 6, 7]",
        "seeds: [0, 1, 2, 3, 4, 5, 6, 6]",
        "seeds: expected at least 8 different seeds, got 7 (line 1)",
    ),
    ("pilot: 4.0", "pilot: 2.9", "claims[0].expect[0]: pilot: expected an effect of 3.0 or more, got 2.9 (line 25)"),
    (
        ", pilot: 4.0",
        "",
        "claims[0]: expect: a claim of a study needs the key pilot (3.0 or more) in one expectation, got none (line 17)",
    ),
    (
        "relation: less_than, than: {arm: no_decay, measure: gap}",
        "relation: equals_closed_form",
        "claims[0].expect[0]: relation: equals_closed_form needs a single number, and a measure of a study is a mean over seeds; "
        "choose one of within_fraction_of_closed_form, close_to, differs_from, at_least, at_most, greater_than, less_than (line ",
    ),
    (
        "{role: decoupled, lr: 3.0e-3, weight_decay: 0.0}",
        "{role: decoupled, lr: 3.0e-3}",
        "arms.no_decay: missing key: weight_decay; required: lr, weight_decay; optional: batch_seed_offset, options, role, ",
    ),
    (
        "{arm: no_decay, measure: gap}\narms",
        "{arm: no_decay, measure: gaps}\narms",
        f"golden.gates: measure: unknown measure 'gaps'; did you mean 'gap'? (known: {STUDY_MEASURES}) (line 9)",
    ),
    (
        "    - {arm: no_decay, measure: gap}\n",
        "    - {arm: no_decay, measure: gap}\n" * 5,
        "golden.gates: expected 1 to 5 gated measures, got 6 (line 1)",
    ),
    (
        "lr: 3.0e-3, weight_decay: 0.0",
        "settings: {lr: 1.0}",
        "arms.no_decay.settings: this key is for kind: probe or arithmetic, and the scenario has kind: study; remove the key",
    ),
    ("recipe:", "probe: unseen_row\nrecipe:", "probe: this key is for kind: probe, and the scenario has kind: study; remove "),
    (
        "swap: [control, no_decay]",
        "swap: [control, no_deacy]",
        "claims[0].counterexample: swap: expected two of the arms control, no_decay, got control, no_deacy (line 26)",
    ),
    (
        "swap: [control, no_decay]",
        "arm: control, mutants: [DecayForgotten]",
        "claims[0].counterexample: expected the key swap in a scenario of kind: study, got mutants (line 26)",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), STUDY_REFUSALS)
def test_a_wrong_study_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The seeds are too few, the pilot effect is too small, the gates are too many, or a name is unknown."""
    error = refusal(tmp_path, training=replaced_once(STUDY, old, new))

    assert error.startswith(f"scenarios/studies/training.yaml: {message}")


LATE = "needs at least 2 checkpoints from step 200 on, and the recipe has 1 (steps: 200, evaluate_every: 100); choose more steps"


@pytest.mark.parametrize(
    ("old", "where"),
    [
        ("{arm: no_decay, measure: gap}\narms", "golden.gates: measure: embedding_least_rise"),
        ("{arm: control, measure: gap,", "claims[0].expect[0]: measure: embedding_least_rise"),
        ("than: {arm: no_decay, measure: gap}", "claims[0].expect[0]: measure: embedding_least_rise"),
    ],
)
def test_a_measure_without_its_checkpoints_is_refused(tmp_path: Path, old: str, where: str) -> None:
    """A rise needs two checkpoints. Only a study that names the measure is refused."""
    text = replaced_once(STUDY, old, old.replace("measure: gap", "measure: embedding_least_rise"))

    error = refusal(tmp_path, training=text)

    assert error.startswith(f"scenarios/studies/training.yaml: {where} {LATE}")
    assert load(write(tmp_path / "longer", training=replaced_once(text, "{steps: 200}", "{steps: 201}")))


def test_all_wrong_keys_of_one_mapping_have_one_line(tmp_path: Path) -> None:
    """Missing keys have one line, and unknown keys another; each lists the required and the optional keys once."""
    text = replaced_once(
        PROBE, "    convention: a factor a step\n    documented: as claimed\n", "    colour: red\n    wehn: later\n"
    )

    with pytest.raises(ScenarioError) as caught:
        load(write(tmp_path, row=text))

    assert str(caught.value).splitlines() == [
        f"scenarios/probes/row.yaml: claims[0]: unknown keys: colour, wehn (did you mean 'when'?); {CLAIM_KEYS} (line 14)",
        f"scenarios/probes/row.yaml: claims[0]: missing keys: convention, documented; {CLAIM_KEYS} (line 10)",
    ]


def test_a_mistake_in_shared_settings_is_reported_once(tmp_path: Path) -> None:
    """Each arm reads the settings of the scenario; each mistake still has one line."""
    text = replaced_once(PROBE, "{lr: 0.01, weight_decay: 3.0, steps: 300}", "{lr: 0.01, setps: 300, colour: red}")

    with pytest.raises(ScenarioError) as caught:
        load(write(tmp_path, row=text))

    assert str(caught.value).splitlines() == [
        f"scenarios/probes/row.yaml: settings: unknown keys: setps (did you mean 'steps'?), colour; {ROW_KEYS} (line 4)",
        f"scenarios/probes/row.yaml: settings: missing key: weight_decay; {ROW_KEYS} (line 4)",
    ]


def test_a_study_may_have_five_gates(tmp_path: Path) -> None:
    """Five is the maximum."""
    gate = "    - {arm: no_decay, measure: gap}\n"

    scenarios = load(write(tmp_path, training=replaced_once(STUDY, gate, gate * 4)))

    golden = scenarios["training"].scenario.golden
    assert golden is not None
    assert len(golden.gates) == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "formula: decay_time",
            "formula: decay_tim",
            "formula: unknown formula 'decay_tim'; did you mean 'decay_time'? (known: ",
        ),
        (
            "lr: 1.0e-3, weight_decay: 0.1",
            "lr: 1.0e-3",
            "arms.usual.settings: expected the keys lr, weight_decay, got lr (line 6)",
        ),
        (
            "usual: {settings: {lr: 1.0e-3, weight_decay: 0.1}}",
            "usual: {}",
            "arms.usual: missing key: settings; required: settings (line 6)",
        ),
        (
            "usual: {settings",
            "usual: {role: sgd, settings",
            "arms.usual.role: this key is for kind: probe or study, and the scenario has kind: arithmetic; remove the key",
        ),
        ("golden_rtol: 1.0e-12\n", "", "missing key: golden_rtol; required: arms, claims, formula, golden_rtol, kind, title; "),
        (
            "counterexample: {arm: usual, settings: {lr: 1.0e-2, weight_decay: 0.1}}",
            "counterexample: {arm: usual, settings: {lr: 1.0e-2}}",
            "claims[0].counterexample: settings: expected the keys lr, weight_decay, got lr (line 17)",
        ),
        ("measure: steps", "measure: years", "claims[0].expect[0]: measure: unknown measure 'years' (known: steps) (line 16)"),
    ],
)
def test_a_wrong_arithmetic_scenario_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """An arm has exactly the arguments of the formula."""
    error = refusal(tmp_path, time=replaced_once(ARITHMETIC, old, new))

    assert error.startswith(f"scenarios/arithmetic/time.yaml: {message}")


def test_a_claim_id_is_unique_in_the_whole_suite(tmp_path: Path) -> None:
    """The message names both files."""
    text = replaced_once(PROBE, "id: an_unseen_row_shrinks", "id: decay_is_slow")

    error = refusal(tmp_path, row=text)

    other = f"scenarios/arithmetic/time.yaml (line {line_of(text, 'id: decay_is_slow')})"
    assert error == f"scenarios/probes/row.yaml: claims[0]: the claim id 'decay_is_slow' is taken by {other}"


def test_a_claim_id_is_unique_in_its_file(tmp_path: Path) -> None:
    """A copied claim needs an id of its own."""
    head, claim = PROBE.split("claims:\n")

    error = refusal(tmp_path, row=f"{head}claims:\n{claim}{claim}")

    assert error.startswith(
        "scenarios/probes/row.yaml: claims[1]: the claim id 'an_unseen_row_shrinks' is taken by scenarios/probes/row.yaml"
    )


def test_a_scenario_id_is_unique_in_all_folders(tmp_path: Path) -> None:
    """The id is the name of the golden file."""
    folder = write(tmp_path)
    (folder / "studies" / "row.yaml").write_text(replaced_once(STUDY, "decay_narrows_the_gap", "another"), encoding="utf-8")

    with pytest.raises(ScenarioError) as caught:
        load(folder)

    assert str(caught.value) == "scenarios/studies/row.yaml: the scenario id 'row' is taken by scenarios/probes/row.yaml (line 1)"


def test_the_file_name_of_a_scenario_is_snake_case(tmp_path: Path) -> None:
    """It is the id in every report and golden."""
    folder = write(tmp_path)
    (folder / "probes" / "Row-2.yaml").write_text(PROBE, encoding="utf-8")

    with pytest.raises(ScenarioError, match=r"^scenarios/probes/Row-2.yaml: .* expected snake_case, got 'Row-2' \(line 1\)$"):
        load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scenarios/sources.yaml: the file is empty"),
        (
            replaced_once(SOURCES, "author: an author, ", ""),
            "scenarios/sources.yaml: sources.a_page: missing key: author; required: author, title, where",
        ),
        (
            replaced_once(SOURCES, "a_page", "b_page"),
            "scenarios/arithmetic/time.yaml: claims[0].sources[0]: unknown source 'a_page'; did you mean",
        ),
    ],
)
def test_wrong_sources_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """A source has all its keys, and every source that a claim cites is in the file."""
    error = refusal(tmp_path, sources=text)

    assert error.startswith(message)


def test_an_unknown_mutant_is_refused(tmp_path: Path) -> None:
    """The message has the key path, the line of the name, and the most similar known name."""
    text = replaced_once(PROBE, "[DecayForgotten]", "[DecayForgotten,\n      DecayForgoten]")

    error = refusal(tmp_path, row=text)

    assert error == (
        "scenarios/probes/row.yaml: claims[0].counterexample.mutants[1]: unknown mutant 'DecayForgoten'; "
        f"did you mean 'DecayForgotten'? (known: DecayForgotten, NormOfAll) (line {line_of(text, 'DecayForgoten]')})"
    )


MUTANTS_WITH_ROLES = replaced_once(MUTANTS, "noticed_by: claims", "noticed_by: claims, role: decoupled") + (
    "  SgdForgets: {does: Forget it., noticed_by: claims, role: sgd}\n"
    "  LambdIgnored: {does: Ignore lambd., noticed_by: claims, role: fixed}\n"
)


@pytest.mark.parametrize(
    ("role", "mutant", "wanted"),
    [
        ("role: decoupled", "SgdForgets", "decoupled"),
        ("role: sgd", "DecayForgotten", "sgd"),
        ("role: coupled", "LambdIgnored", "coupled"),
        ("role: any", "LambdIgnored", "decoupled, coupled or sgd"),
    ],
)
def test_a_mutant_for_another_role_is_refused(tmp_path: Path, role: str, mutant: str, wanted: str) -> None:
    """Its constructor does not take the options of the arm, or the claim fails because of its update rule."""
    text = replaced_once(replaced_once(PROBE, "role: decoupled", role), "DecayForgotten", mutant)

    error = refusal(tmp_path, row=text, mutants=MUTANTS_WITH_ROLES)

    own = {"SgdForgets": "sgd", "DecayForgotten": "decoupled", "LambdIgnored": "fixed"}[mutant]
    assert error.startswith(
        f"scenarios/probes/row.yaml: claims[0].counterexample.mutants[0]: '{mutant}' is for arms with role: {own}, and the arm "
        f"'adamw' has {role}; choose a mutant for role: {wanted} ("
    )
    assert error.endswith("vocabulary prints the role of each) (line 19)")


@pytest.mark.parametrize(
    ("role", "mutant"),
    [
        ("role: decoupled", "DecayForgotten"),
        ("role: sgd", "SgdForgets"),
        ("role: any", "SgdForgets"),
        ('role: fixed, subject: "torch.optim:ASGD"', "LambdIgnored"),
    ],
)
def test_a_mutant_of_the_arms_role_is_accepted(tmp_path: Path, role: str, mutant: str) -> None:
    """An arm of any role takes the mutants of all three roles. An arm that names its optimizer takes all mutants."""
    text = replaced_once(replaced_once(PROBE, "role: decoupled", role), "DecayForgotten", mutant)

    loaded = load(write(tmp_path, row=text, mutants=MUTANTS_WITH_ROLES))

    assert loaded["row"].scenario.claims[0].counterexample.mutants == (mutant,)


def test_a_long_list_of_known_mutants_is_not_printed(tmp_path: Path) -> None:
    """The message names the command that prints the list."""
    many = "".join(f"  Mutant{number}: {{does: Nothing., noticed_by: claims}}\n" for number in range(80))

    error = refusal(tmp_path, mutants=MUTANTS + many, row=replaced_once(PROBE, "DecayForgotten", "DecayForgoten"))

    assert "unknown mutant 'DecayForgoten'; did you mean 'DecayForgotten'? (" in error
    assert "vocabulary prints all 82)" in error


def test_a_mutant_for_the_fingerprint_only_is_refused(tmp_path: Path) -> None:
    """No expectation says which claim must notice it."""
    error = refusal(tmp_path, row=replaced_once(PROBE, "DecayForgotten", "NormOfAll"))

    assert error.startswith(
        "scenarios/probes/row.yaml: claims[0].counterexample.mutants[0]: 'NormOfAll' is noticed by the finger"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scenarios/mutants.yaml: the file is empty"),
        (
            replaced_once(MUTANTS, "does: Forget the decay., ", ""),
            "scenarios/mutants.yaml: mutants.DecayForgotten: missing key: does; required: does, noticed_by; optional: ",
        ),
        (
            replaced_once(MUTANTS, "noticed_by: claims", "noticed_by: claim"),
            "scenarios/mutants.yaml: mutants.DecayForgotten.noticed_by",
        ),
    ],
)
def test_a_wrong_file_of_mutants_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Each mutant has the keys `does` and `noticed_by`."""
    assert refusal(tmp_path, mutants=text).startswith(message)


def test_every_mutant_that_a_claim_names_is_in_the_file() -> None:
    """The file describes every mutant in a sentence."""
    named = {name for loaded in load().values() for claim in loaded.scenario.claims for name in claim.counterexample.mutants}

    assert named <= set(load_mutants())
    assert all(mutant.does.endswith(".") for mutant in load_mutants().values())


@pytest.mark.parametrize("key", ["claims", "arms"])
def test_a_scenario_without_claims_or_arms_is_refused(tmp_path: Path, key: str) -> None:
    """It would run nothing and pass."""
    head, _ = ARITHMETIC.split("claims:\n")
    text = (
        f"{head}claims: []\n"
        if key == "claims"
        else replaced_once(ARITHMETIC, "\n  usual: {settings: {lr: 1.0e-3, weight_decay: 0.1}}", " {}")
    )

    error = refusal(tmp_path, time=text)

    assert error == f"scenarios/arithmetic/time.yaml: {key}: expected at least one {key.removesuffix('s')}, got none (line 1)"


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    """With a wrong path, a session must not pass without any test."""
    (tmp_path / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "mutants.yaml").write_text(MUTANTS, encoding="utf-8")

    with pytest.raises(ScenarioError, match="no scenarios found"):
        load(tmp_path)


def test_the_shipped_scenarios_are_right() -> None:
    """All of them are loaded, each from its own file with its id in the path."""
    assert len(load()) == len({loaded.raw.file for loaded in load().values()})
    assert all(loaded.id in loaded.raw.file for loaded in load().values())


def test_a_scenario_is_in_the_folder_of_its_probe() -> None:
    """A reader finds the probe and its scenario in folders of the same name."""
    scenarios = [loaded for loaded in load().values() if loaded.scenario.kind == "probe"]

    folders = {
        loaded.id: (Path(loaded.raw.file).parent.name, PROBES[loaded.scenario.probe].module.split(".")[2]) for loaded in scenarios
    }

    assert {name: pair for name, pair in folders.items() if pair[0] != pair[1]} == {}


def test_every_problem_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    """The part below a misspelt key is checked too, and a misspelt key is not reported as missing."""
    probe = PROBE.replace("id: an_unseen_row_shrinks", "id: AnUnseenRow").replace("established: holds", "established: true")
    probe = probe.replace("relation: equals_closed_form", "relaton: equal").replace("title: ", "titel: ")
    probe = probe.replace("mutants: [DecayForgotten]", "mutants: [DecayForgot]")
    study = STUDY.replace("recipe: {steps: 200}", "recipe: {stpes: 200}")

    with pytest.raises(ScenarioError) as refused:
        load(write(tmp_path, row=probe, training=study))

    lines = str(refused.value).splitlines()
    wanted = [
        "id: expected snake_case",
        "unknown value 'true'",
        "unknown key: relaton (did you mean 'relation'?)",
        "unknown relation 'equal'",
        "unknown key: titel (did you mean 'title'?)",
        "unknown mutant 'DecayForgot'",
        "unknown key: stpes (did you mean 'steps'?)",
    ]
    assert {word: sum(word in line for line in lines) for word in wanted} == dict.fromkeys(wanted, 1)
    assert len(lines) == len(wanted)


def test_a_mistake_that_is_made_everywhere_is_cut_short(tmp_path: Path) -> None:
    """Thirty lines show what it is; the last line counts the others."""
    expectation = "      - {arm: adamw, measure: unseen_ratio, relation: equals_closed_form}\n"
    mistakes = "".join(expectation.replace("adamw", f"arm_{index}") for index in range(40))

    with pytest.raises(ScenarioError) as refused:
        load(write(tmp_path, row=replaced_once(PROBE, expectation, mistakes)))

    lines = str(refused.value).splitlines()
    assert lines[-1] == "... and 10 more problems"
    assert len(lines) == 31
