"""Can the claims, the vocabulary and the environment be asked for without running anything?"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import get_args

import pytest

from harness.catalog.load import load, load_mutants
from harness.cli.main import main
from harness.environment.paths import ROOT
from harness.environment.requirements import NEEDED
from harness.errors import ScenarioError
from harness.probes import PROBES
from harness.spec.scenario import FIXED, KINDS, Role
from harness.training.measures import MEASURES


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the lines that `list` prints."""
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_list_prints_every_claim_and_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, with what is established, where it stands and where it is made."""
    claims = {claim.id: (claim, loaded) for loaded in load().values() for claim in loaded.scenario.claims}

    *rows, last = listed(capsys)

    assert last == f"{len(claims)} claims"
    assert [row.split()[0] for row in rows] == list(claims)
    for row in rows:
        claim, loaded = claims[row.split()[0]]
        assert row.split()[1:4] == [claim.established, loaded.scenario.kind, loaded.id]
        assert row.endswith(claim.sources[-1].catalogue or claim.sources[-1].source)


@pytest.mark.parametrize("kind", ["probe", "study", "arithmetic"])
def test_list_keeps_to_a_kind(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """The kinds together are the whole list."""
    *rows, last = listed(capsys, "--kind", kind)

    wanted = [claim.id for loaded in load().values() if loaded.scenario.kind == kind for claim in loaded.scenario.claims]
    assert [row.split()[0] for row in rows] == wanted
    assert last == f"{len(wanted)} claims"


def test_list_keeps_to_the_claims_that_a_role_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither all of them nor none."""
    of_sgd = {row.split()[0] for row in listed(capsys, "--role", "sgd")[:-1]}
    of_all = {row.split()[0] for row in listed(capsys)[:-1]}

    wanted = {
        claim.id
        for loaded in load().values()
        for claim in loaded.scenario.claims
        if any(loaded.scenario.arms[arm].role == "sgd" for arm in claim.arms)
    }
    assert of_sgd == wanted
    assert set() < of_sgd < of_all


def test_the_vocabulary_names_everything_that_a_scenario_may(capsys: pytest.CaptureFixture[str]) -> None:
    """Probes, measures, formulas, relations, sources and mutants."""
    assert main(["vocabulary"]) == 0

    said = capsys.readouterr().out
    for name in (*PROBES, *MEASURES, "decay_time", "within_fraction_of_closed_form", "loshchilov_hutter_2019"):
        assert name in said
    for name, mutant in load_mutants().items():
        assert any(line.startswith(f"  {name}") and mutant.does in line and mutant.thread in line for line in said.splitlines())


def test_the_vocabulary_of_a_probe_is_its_settings_and_measures(capsys: pytest.CaptureFixture[str]) -> None:
    """With what is needed, and what is the default."""
    assert main(["vocabulary", "unseen_row"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "  lr: float (needed)" in lines
    assert any(line.startswith("  steps: int (") for line in lines)
    for measure, says in PROBES["unseen_row"].measures.items():
        assert f"  {measure}: {says}" in lines


def test_an_unknown_probe_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 4 and a near match."""
    code = main(["vocabulary", "unseen_rwo"])

    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert err.startswith("ERROR: unknown probe 'unseen_rwo'; did you mean 'unseen_row'? (known: ")


def test_a_scenario_that_is_wrong_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exit code 4 and no traceback."""

    def wrong() -> None:
        raise ScenarioError("scenarios/x.yaml: the file is empty")

    monkeypatch.setattr("harness.cli.vocabulary.load", wrong)

    assert main(["list"]) == 4
    assert capsys.readouterr() == ("", "ERROR: scenarios/x.yaml: the file is empty\n")


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "--kind", "probes"], ["list", "--role", "fixed"]])
def test_a_wrong_command_line_is_refused_with_what_there_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the usual exit code of a command line, 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: python -m harness" in capsys.readouterr().err


def test_ready_is_silent_where_nothing_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """As here."""
    assert main(["ready"]) == 0
    assert capsys.readouterr() == ("", "")


def test_ready_names_what_is_missing_and_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names of the packages, which are not those of the modules."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("yaml", "xdist") else find(name))

    code = main(["ready"])

    lines = capsys.readouterr().err.splitlines()
    assert code == 1
    assert lines[0] == f"{sys.executable} lacks pytest-xdist, pyyaml"
    assert lines[1].endswith(f"{sys.executable} -m pip install -c {ROOT}/constraints.txt pytest-xdist pyyaml")


def test_everything_that_ready_looks_for_is_a_declared_dependency() -> None:
    """And the other way round."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {text.split(">")[0] for text in project["dependencies"]}

    assert set(NEEDED.values()) == declared


def test_ready_needs_nothing_that_may_be_missing() -> None:
    """It runs in an environment that has none of the packages."""
    blocked = f"import importlib.util, sys; sys.modules.update(dict.fromkeys({list(NEEDED)!r}))"
    asked = "importlib.util.find_spec = lambda name: None; from harness.cli.main import main; main(['ready'])"

    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{blocked}; {asked}"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stderr.startswith(f"{sys.executable} lacks torch, numpy, ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "verb_form"], "did you mean 'verb_forms'"),
        (["--optimizer", "nowhere:Mine"], "nowhere:Mine: cannot import 'nowhere'"),
        (["--optimizer", "strange=torch.optim:AdamW"], "unknown role 'strange'"),
    ],
)
def test_a_calibration_of_what_is_not_there_trains_nothing(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """The mistake is told in one line."""
    assert main(["calibrate", *arguments]) == 4

    assert said in capsys.readouterr().err


def test_the_list_can_be_limited_to_every_kind_and_role(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line types them by hand, because `ready` must answer where YAML is missing."""
    for option, values in (("--kind", KINDS), ("--role", [role for role in get_args(Role) if role != FIXED])):
        for value in values:
            assert main(["list", option, value]) == 0
    capsys.readouterr()
