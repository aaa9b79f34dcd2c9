"""Is every name in a scenario checked, and every refusal one line that says what is known?"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalog.load import load, load_mutants
from harness.catalog.loaded_scenario import formula_arguments, measures_of, recipe_of, settings_of
from harness.errors import ScenarioError
from harness.probes import PROBES
from harness.training.measures import MEASURES
from tests.selftest.scenario_files import ARITHMETIC, MUTANTS, PROBE, SOURCES, STUDY, edited, line_of, write

STUDY_MEASURES = ", ".join(sorted(MEASURES))


def refusal(folder: Path, **changed: str) -> str:
    """Return the one line with which a folder is refused."""
    with pytest.raises(ScenarioError) as caught:
        load(write(folder, **changed))
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_folder_is_loaded_by_the_stems_of_its_files(tmp_path: Path) -> None:
    """One scenario of each kind, as written."""
    found = load(write(tmp_path))

    assert {name: loaded.scenario.kind for name, loaded in found.items()} == {
        "row": "probe",
        "training": "study",
        "time": "arithmetic",
    }
    assert found["row"].raw.file == "scenarios/probes/row.yaml"


def test_an_arm_overrides_the_settings_of_its_scenario(tmp_path: Path) -> None:
    """Key by key; what it does not name stays."""
    text = edited(PROBE, "{schedule: warmup_cosine}", "{schedule: warmup_cosine, lr: 0.02}")
    scenario = load(write(tmp_path, row=text))["row"].scenario

    shared, own = settings_of(scenario, "adamw"), settings_of(scenario, "sgd_l2")

    assert (shared.lr, shared.steps, own.lr, own.steps) == (0.01, 300, 0.02, 300)
    assert (shared.schedule, own.schedule) == ("constant", "warmup_cosine")


def test_a_recipe_and_a_formulas_arguments_are_bound(tmp_path: Path) -> None:
    """With their defaults, and as numbers."""
    found = load(write(tmp_path))

    assert (recipe_of(found["training"].scenario).steps, recipe_of(found["training"].scenario).batch_size) == (200, 4)
    assert formula_arguments(found["time"].scenario.arms["usual"]) == {"lr": 1e-3, "weight_decay": 0.1}


def test_each_kind_has_its_own_vocabulary_of_measures(tmp_path: Path) -> None:
    """The probe's, the studies', the formula's."""
    found = load(write(tmp_path))

    assert "unseen_ratio" in measures_of(found["row"].scenario)
    assert measures_of(found["training"].scenario) == list(MEASURES)
    assert measures_of(found["time"].scenario) == ["steps"]


PROBE_REFUSALS = [
    ("probe: unseen_row", "probe: unseen_rwo", "probe: unknown probe 'unseen_rwo'; did you mean 'unseen_row'? (known: "),
    ("probe: unseen_row\n", "", "the key 'probe' is missing (expected: arms, claims, golden_rtol, kind, long, probe, settings, "),
    ("golden_rtol: 1.0e-9\n", "", "the key 'golden_rtol' is missing (expected: arms, claims, golden_rtol, "),
    ("settings: {lr: 0.01, weight_decay: 3.0, steps: 300}\n", "", "the key 'settings' is missing (expected: arms, claims, "),
    ("kind: probe\n", "", "the key 'kind' is missing (known: arithmetic, probe, study) (line 1)"),
    ("steps: 300", "step: 300", "settings.step: unknown key 'step'; did you mean 'steps'? (known: "),
    ("weight_decay: 3.0, ", "", "settings: the key 'weight_decay' is missing (expected: "),
    ("schedule: warmup_cosine", "schedule: cosine", "arms.sgd_l2.settings.schedule: unknown value 'cosine'"),
    ("kind: probe", "kind: prob", "kind: unknown value 'prob'; did you mean 'probe'? (known: arithmetic, probe, study) (line 2)"),
    ("golden_rtol:", "seeds: [1]\ngolden_rtol:", "seeds: belongs to kind: study, got kind: probe (line 5)"),
    ("golden_rtol:", "formula: decay_time\ngolden_rtol:", "formula: belongs to kind: arithmetic, got kind: probe (line 5)"),
    (
        "role: decoupled",
        "role: decopled",
        "arms.adamw.role: unknown value 'decopled'; did you mean 'decoupled'? (known: any, coupled, ",
    ),
    (
        "role: decoupled",
        "role: fixed",
        "arms.adamw: an arm has either a role (decoupled, coupled, sgd, any) or role: fixed and subject: module:attribute"
        " (line 7)",
    ),
    ("role: decoupled", 'role: decoupled, subject: "a:B"', "arms.adamw: an arm has either a role"),
    (
        "role: decoupled",
        "role: decoupled, lr: 1.0",
        "arms.adamw.lr: belongs to kind: study, got kind: probe (line 7)",
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
    ("equals_closed_form", "at_least", "claims[0].expect[0]: at_least compares with either 'value' or 'than' (line 18)"),
    (
        "equals_closed_form",
        "at_least, value: 1.0, than: {arm: sgd_l2, measure: unseen_ratio}",
        "claims[0].expect[0]: at_least compares with either 'value' or 'than' (line 18)",
    ),
    (
        "equals_closed_form",
        "at_least, than: {arm: sgd, measure: unseen_ratio}",
        "claims[0].expect[0]: arm: unknown arm 'sgd'; did you mean 'sgd_l2'? (known: adamw, sgd_l2) (line 18)",
    ),
    ("equals_closed_form", "close_to, value: 1.0", "claims[0].expect[0]: close_to needs the key 'tolerance' (line 18)"),
    ("equals_closed_form", "differs_from, value: 1.0", "claims[0].expect[0]: differs_from needs the key 'tolerance' (line 18)"),
    (
        "equals_closed_form",
        "within_fraction_of_closed_form",
        "claims[0].expect[0]: within_fraction_of_closed_form needs the key 'fraction' (line 18)",
    ),
    (
        "equals_closed_form",
        "equals_closed_form, tolerance: 0.1",
        "claims[0].expect[0]: equals_closed_form does not read the key 'tolerance' (line 18)",
    ),
    (
        "equals_closed_form",
        "equals_closed_form, value: 0.1",
        "claims[0].expect[0]: equals_closed_form does not read the key 'value'",
    ),
    (
        "equals_closed_form",
        "at_least, value: 0.1, tolerance: 0.1",
        "claims[0].expect[0]: at_least does not read the key 'tolerance'",
    ),
    ("equals_closed_form", "at_most, value: 0.1, fraction: 0.1", "claims[0].expect[0]: at_most does not read the key 'fraction'"),
    ("id: an_unseen_row_shrinks", "id: AnUnseenRow", "claims[0]: id: expected snake_case, got 'AnUnseenRow' (line 10)"),
    ("id: an_unseen_row_shrinks", "name: x", "claims[0].name: unknown key 'name' (known: "),
    (
        "source: a_page",
        "source: a_pag",
        "claims[0]: sources: unknown source 'a_pag'; did you mean 'a_page'? (known: a_page) (line 10)",
    ),
    ("established: holds", "established: holds_when", "claims[0]: established: holds_when needs the key 'when' (line 10)"),
    (
        "established: holds",
        "established: refuted",
        "claims[0]: established: refuted needs the key 'instead': what is true (line 10)",
    ),
    (
        "established: holds",
        "established: true",
        "claims[0].established: unknown value 'true' (known: holds, holds_when, refuted) (line 16)",
    ),
    (
        "\n      - {source: a_page, section: one}",
        " []",
        "claims[0]: a claim has at least one source and one expectation (line 10)",
    ),
    ("convention: a factor a step", 'convention: " "', "claims[0]: convention: expected a sentence, got an empty text (line 10)"),
    ("    convention: a factor a step\n", "", "claims[0]: the key 'convention' is missing (expected: "),
    (", mutants: [DecayForgotten]", "", "claims[0]: counterexample: expected one of mutants, swap or settings (line 10)"),
    (
        "mutants: [DecayForgotten]",
        "mutants: [DecayForgotten], swap: [adamw, sgd_l2]",
        "claims[0]: counterexample: expected one of mutants, swap or settings (line 10)",
    ),
    (
        "counterexample: {arm: adamw, ",
        "counterexample: {",
        "claims[0]: counterexample.arm: unknown arm 'None' (known: adamw, sgd_l2) (line 10)",
    ),
    (
        "arm: adamw, mutants: [DecayForgotten]",
        "swap: [adamw, adam]",
        "claims[0]: counterexample.swap: expected two of the arms adamw, sgd_l2 (line 10)",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), PROBE_REFUSALS)
def test_a_wrong_probe_scenario_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    """File, key path, what was expected or is known, and the line."""
    said = refusal(tmp_path, row=edited(PROBE, old, new))

    assert said.startswith(f"scenarios/probes/row.yaml: {message}")
    assert said.endswith(")")


STUDY_REFUSALS = [
    ("task: verb_forms", "task: verbs", "task: unknown task 'verbs'; did you mean 'verb_forms'? (known: verb_forms) (line 3)"),
    ("model: gpt", "model: gtp", "model: unknown model 'gtp'; did you mean 'gpt'? (known: gpt) (line 4)"),
    ("model: gpt\n", "", "the key 'model' is missing (expected: arms, claims, golden, golden_rtol, kind, long, model, recipe, "),
    ("recipe: {steps: 200}\n", "", "the key 'recipe' is missing (expected: arms, claims, "),
    ("seeds: [0, 1, 2, 3, 4, 5, 6, 7]\n", "", "the key 'seeds' is missing (expected: arms, claims, "),
    ("recipe: {steps: 200}", "recipe: {stpes: 200}", "recipe.stpes: unknown key 'stpes'; did you mean 'steps'? (known: "),
    ("golden_rtol: 1.0e-9\n", "", "the key 'golden_rtol' is missing (expected: arms, claims, "),
    ("golden_rtol: 1.0e-9", "golden_rtol: 0.1", "golden_rtol: expected more than 0 and at most 1e-06, got 0.1 (line 1)"),
    (
        "recipe: {steps: 200}",
        "recipe: {schedule: cosine, warmup_steps: 50}",
        "recipe.warmup_steps: a cosine needs at least 100, got 50",
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
    ("pilot: 4.0", "pilot: 2.9", "claims[0].expect[0]: pilot: a gate needs an effect of 3.0 or more, got 2.9 (line 25)"),
    (", pilot: 4.0", "", "claims[0]: a study's claim gates at least one expectation (pilot: 3.0 or more) (line 17)"),
    (
        "relation: less_than, than: {arm: no_decay, measure: gap}",
        "relation: equals_closed_form",
        "claims[0].expect[0]: equals_closed_form compares one number, and a study has a mean over seeds (line 25)",
    ),
    (
        "{role: decoupled, lr: 3.0e-3, weight_decay: 0.0}",
        "{role: decoupled, lr: 3.0e-3}",
        "arms.no_decay: the key 'weight_decay' is missing (expected: batch_seed_offset, lr, options, role, ",
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
        "arms.no_decay.settings: belongs to kind: probe or arithmetic, got ",
    ),
    ("recipe:", "probe: unseen_row\nrecipe:", "probe: belongs to kind: probe, got kind: study (line 5)"),
]


@pytest.mark.parametrize(("old", "new", "message"), STUDY_REFUSALS)
def test_a_wrong_study_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Too few seeds, too weak a pilot, too many gates, unknown names."""
    said = refusal(tmp_path, training=edited(STUDY, old, new))

    assert said.startswith(f"scenarios/studies/training.yaml: {message}")


def test_a_study_with_five_gates_is_not_refused(tmp_path: Path) -> None:
    """Five is the most."""
    gate = "    - {arm: no_decay, measure: gap}\n"

    found = load(write(tmp_path, training=edited(STUDY, gate, gate * 4)))

    golden = found["training"].scenario.golden
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
        ("lr: 1.0e-3, weight_decay: 0.1", "lr: 1.0e-3", "arms.usual.settings: expected lr, weight_decay, got lr (line 6)"),
        (
            "usual: {settings: {lr: 1.0e-3, weight_decay: 0.1}}",
            "usual: {}",
            "arms.usual: the key 'settings' is missing (expected: settings) (line 6)",
        ),
        (
            "usual: {settings",
            "usual: {role: sgd, settings",
            "arms.usual.role: belongs to kind: probe or study, got kind: arithmetic",
        ),
        ("golden_rtol: 1.0e-12\n", "", "the key 'golden_rtol' is missing (expected: arms, claims, formula, "),
        ("measure: steps", "measure: years", "claims[0].expect[0]: measure: unknown measure 'years' (known: steps) (line 16)"),
    ],
)
def test_a_wrong_calculation_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A formula has exactly its own arguments."""
    said = refusal(tmp_path, time=edited(ARITHMETIC, old, new))

    assert said.startswith(f"scenarios/arithmetic/time.yaml: {message}")


def test_a_claim_id_is_taken_once_in_the_whole_suite(tmp_path: Path) -> None:
    """The second file that uses it is refused, and told where the first is."""
    again = edited(PROBE, "id: an_unseen_row_shrinks", "id: decay_is_slow")

    said = refusal(tmp_path, row=again)

    place = f"scenarios/arithmetic/time.yaml (line {line_of(again, 'id: decay_is_slow')})"
    assert said == f"scenarios/probes/row.yaml: claims[0]: the claim id 'decay_is_slow' is taken by {place}"


def test_a_claim_id_is_taken_once_in_its_file(tmp_path: Path) -> None:
    """A copied claim keeps no id."""
    head, claim = PROBE.split("claims:\n")

    said = refusal(tmp_path, row=f"{head}claims:\n{claim}{claim}")

    assert said.startswith(
        "scenarios/probes/row.yaml: claims[1]: the claim id 'an_unseen_row_shrinks' is taken by scenarios/probes/row.yaml"
    )


def test_a_scenario_id_is_taken_once_in_all_folders(tmp_path: Path) -> None:
    """Goldens are filed under it."""
    folder = write(tmp_path)
    (folder / "studies" / "row.yaml").write_text(edited(STUDY, "decay_narrows_the_gap", "another"), encoding="utf-8")

    with pytest.raises(ScenarioError) as caught:
        load(folder)

    assert str(caught.value) == "scenarios/studies/row.yaml: the scenario id 'row' is taken by scenarios/probes/row.yaml (line 1)"


def test_a_scenarios_file_name_is_snake_case(tmp_path: Path) -> None:
    """It is the id in every report and golden."""
    folder = write(tmp_path)
    (folder / "probes" / "Row-2.yaml").write_text(PROBE, encoding="utf-8")

    with pytest.raises(ScenarioError, match=r"^scenarios/probes/Row-2.yaml: .* expected snake_case, got 'Row-2' \(line 1\)$"):
        load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scenarios/sources.yaml: the file is empty"),
        (edited(SOURCES, "author: somebody, ", ""), "scenarios/sources.yaml: sources.a_page: the key 'author' is missing"),
        (
            edited(SOURCES, "a_page", "b_page"),
            "scenarios/arithmetic/time.yaml: claims[0]: sources: unknown source 'a_page'; did you mean",
        ),
    ],
)
def test_wrong_sources_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """Every claim cites one that is written down whole."""
    said = refusal(tmp_path, sources=text)

    assert said.startswith(message)


def test_an_unknown_mutant_is_refused_where_it_is_named(tmp_path: Path) -> None:
    """With the key, the line of the name, and the nearest that is known."""
    text = edited(PROBE, "[DecayForgotten]", "[DecayForgotten,\n      DecayForgoten]")

    said = refusal(tmp_path, row=text)

    assert said == (
        "scenarios/probes/row.yaml: claims[0].counterexample.mutants[1]: unknown mutant 'DecayForgoten'; "
        f"did you mean 'DecayForgotten'? (known: DecayForgotten, NormOfAll) (line {line_of(text, 'DecayForgoten]')})"
    )


def test_one_of_many_mutants_is_refused_with_the_command(tmp_path: Path) -> None:
    """The list is too long for a line."""
    many = "".join(f"  Mutant{number}: {{does: Nothing., noticed_by: claims}}\n" for number in range(80))

    said = refusal(tmp_path, mutants=MUTANTS + many, row=edited(PROBE, "DecayForgotten", "DecayForgoten"))

    assert "unknown mutant 'DecayForgoten'; did you mean 'DecayForgotten'? (" in said
    assert "vocabulary prints all 82)" in said


def test_a_mutant_of_the_fingerprint_alone_fails_no_claim(tmp_path: Path) -> None:
    """Nobody has written down which claim must notice it."""
    said = refusal(tmp_path, row=edited(PROBE, "DecayForgotten", "NormOfAll"))

    assert said.startswith("scenarios/probes/row.yaml: claims[0].counterexample.mutants[0]: 'NormOfAll' is noticed by the finger")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scenarios/mutants.yaml: the file is empty"),
        (edited(MUTANTS, "does: Forget the decay., ", ""), "scenarios/mutants.yaml: mutants.DecayForgotten: the key 'does' is"),
        (edited(MUTANTS, "noticed_by: claims", "noticed_by: claim"), "scenarios/mutants.yaml: mutants.DecayForgotten.noticed_by"),
    ],
)
def test_a_wrong_file_of_mutants_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Each says what it does and what notices it."""
    assert refusal(tmp_path, mutants=text).startswith(message)


def test_every_named_mutant_is_written_down() -> None:
    """In the shipped file, by a sentence."""
    named = {name for loaded in load().values() for claim in loaded.scenario.claims for name in claim.counterexample.mutants}

    assert named <= set(load_mutants())
    assert all(mutant.does.endswith(".") for mutant in load_mutants().values())


@pytest.mark.parametrize("key", ["claims", "arms"])
def test_a_scenario_without_claims_or_arms_is_refused(tmp_path: Path, key: str) -> None:
    """It would run nothing and be green."""
    head, claim = ARITHMETIC.split("claims:\n")
    text = (
        f"{head}claims: []\n"
        if key == "claims"
        else edited(ARITHMETIC, "\n  usual: {settings: {lr: 1.0e-3, weight_decay: 0.1}}", " {}")
    )

    said = refusal(tmp_path, time=text)

    assert said == "scenarios/arithmetic/time.yaml: a scenario carries at least one claim and one arm (line 1)"
    assert claim


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    """A wrong path must not be a green run of nothing."""
    (tmp_path / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "mutants.yaml").write_text(MUTANTS, encoding="utf-8")

    with pytest.raises(ScenarioError, match="no scenarios found"):
        load(tmp_path)


def test_the_shipped_scenarios_are_right() -> None:
    """All of them load, under one id each."""
    assert len(load()) == len({loaded.raw.file for loaded in load().values()})
    assert all(loaded.id in loaded.raw.file for loaded in load().values())


def test_a_probes_scenario_lies_in_the_folder_of_its_probe() -> None:
    """So that a reader finds both under the same name."""
    found = [loaded for loaded in load().values() if loaded.scenario.kind == "probe"]

    folders = {
        loaded.id: (Path(loaded.raw.file).parent.name, PROBES[loaded.scenario.probe].module.split(".")[2]) for loaded in found
    }

    assert {name: pair for name, pair in folders.items() if pair[0] != pair[1]} == {}
