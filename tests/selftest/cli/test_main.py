"""Tests of the command line: `list`, `vocabulary`, `ready`, and wrong arguments."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import get_args

import pytest

from harness.catalog.load import load, load_mutants
from harness.cli.main import COMMANDS, main
from harness.environment.paths import ROOT
from harness.environment.requirements import NEEDED
from harness.errors import ScenarioError
from harness.probes import PROBES
from harness.spec.scenario import FIXED, KINDS, Role
from harness.training.measures import MEASURES


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Run `list` and return the lines that it prints."""
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_list_prints_every_claim_and_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has the id of the claim, `established`, the kind and id of the scenario, and the sources."""
    claims = {claim.id: (claim, loaded) for loaded in load().values() for claim in loaded.scenario.claims}

    *rows, last = listed(capsys)

    assert last == f"{len(claims)} claims"
    assert [row.split()[0] for row in rows] == list(claims)
    for row in rows:
        claim, loaded = claims[row.split()[0]]
        assert row.split()[1:4] == [claim.established, loaded.scenario.kind, loaded.id]
        assert row.endswith(claim.sources[-1].catalogue or claim.sources[-1].source)


@pytest.mark.parametrize("kind", ["probe", "study", "arithmetic"])
def test_list_prints_only_the_claims_of_a_kind(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Their number is in the last line."""
    *rows, last = listed(capsys, "--kind", kind)

    wanted = [claim.id for loaded in load().values() if loaded.scenario.kind == kind for claim in loaded.scenario.claims]
    assert [row.split()[0] for row in rows] == wanted
    assert last == f"{len(wanted)} claims"


def test_list_prints_only_the_claims_that_read_a_role(capsys: pytest.CaptureFixture[str]) -> None:
    """For `sgd`, these are some of the claims and not all."""
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


def test_vocabulary_prints_every_name_that_a_scenario_can_use(capsys: pytest.CaptureFixture[str]) -> None:
    """These are the names of probes, measures, formulas, relations, sources and mutants."""
    assert main(["vocabulary"]) == 0

    output = capsys.readouterr().out
    for name in (*PROBES, *MEASURES, "decay_time", "within_fraction_of_closed_form", "loshchilov_hutter_2019"):
        assert name in output
    for name, mutant in load_mutants().items():
        mark = "fingerprint only" if mutant.noticed_by == "fingerprint" else mutant.role
        assert f"  {name} ({mark}): {mutant.does} {mutant.thread}".rstrip() in output.splitlines()


def test_vocabulary_prints_the_settings_and_measures_of_a_probe(capsys: pytest.CaptureFixture[str]) -> None:
    """A setting is marked as needed, or has its default."""
    assert main(["vocabulary", "unseen_row"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "  lr: float (needed)" in lines
    assert any(line.startswith("  steps: int (") for line in lines)
    for measure, description in PROBES["unseen_row"].measures.items():
        assert f"  {measure}: {description}" in lines


def test_an_unknown_probe_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 4, and the line has the most similar known name."""
    code = main(["vocabulary", "unseen_rwo"])

    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert err.startswith("ERROR: unknown probe 'unseen_rwo'; did you mean 'unseen_row'? (known: ")


def test_a_wrong_scenario_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 4, and there is no traceback."""

    def wrong() -> None:
        raise ScenarioError("scenarios/x.yaml: the file is empty")

    monkeypatch.setattr("harness.cli.vocabulary.load", wrong)

    assert main(["list"]) == 4
    assert capsys.readouterr() == ("", "ERROR: scenarios/x.yaml: the file is empty\n")


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "--kind", "probes"], ["list", "--role", "fixed"]])
def test_a_wrong_command_line_is_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 4, as for every mistake of the user. The line names the help."""
    code = main(arguments)

    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert err.startswith("ERROR: python -m harness")
    assert err.endswith("--help explains the arguments\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    assert f"example: python -m harness {command}" in capsys.readouterr().out


def test_ready_prints_nothing_if_no_package_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ready"]) == 0
    assert capsys.readouterr() == ("", "")


def test_ready_prints_missing_packages_and_how_to_install_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names are those of the packages, which differ from those of the modules. No other package would change."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("yaml", "xdist") else find_spec(name))

    code = main(["ready"])

    lines = capsys.readouterr().err.splitlines()
    assert code == 1
    assert lines[0] == f"{sys.executable} lacks pytest-xdist, pyyaml"
    assert lines[1].endswith(f"{sys.executable} -m pip install 'pytest-xdist>=3.8,<4' 'pyyaml>=6,<7'")


def test_ready_looks_for_exactly_the_declared_dependencies() -> None:
    """They are declared in pyproject.toml."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {text.split(">")[0] for text in project["dependencies"]}

    assert set(NEEDED.values()) == declared


def test_ready_runs_where_all_packages_are_missing() -> None:
    """A subprocess blocks the import of every package that the suite needs."""
    blocked = f"import importlib.util, sys; sys.modules.update(dict.fromkeys({list(NEEDED)!r}))"
    run_ready = "importlib.util.find_spec = lambda name: None; from harness.cli.main import main; main(['ready'])"

    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{blocked}; {run_ready}"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stderr.startswith(f"{sys.executable} lacks torch, pytest, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "verb_form"], "did you mean 'verb_forms'"),
        (["--optimizer", "nowhere:Mine"], "nowhere:Mine: cannot import 'nowhere'"),
        (["--optimizer", "strange=torch.optim:AdamW"], "unknown role 'strange'"),
    ],
)
def test_calibrate_refuses_unknown_names_before_training(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """The exit code is 4 for an unknown study, optimizer or role."""
    assert main(["calibrate", *arguments]) == 4

    assert message in capsys.readouterr().err


def test_list_accepts_every_kind_and_role(capsys: pytest.CaptureFixture[str]) -> None:
    """`main` has its own list of them, because it must not import them: `ready` also runs where YAML is missing."""
    for option, values in (("--kind", KINDS), ("--role", [role for role in get_args(Role) if role != FIXED])):
        for value in values:
            assert main(["list", option, value]) == 0
    capsys.readouterr()
