"""Tests of the launcher's command line: what is asked for, what goes to pytest or to the harness, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from decaygate.launcher.arguments import COMMANDS, HARNESS, SUITE, parse
from decaygate.launcher.exit_codes import Mistake
from harness.cli.main import COMMANDS as OF_THE_HARNESS
from harness.environment.paths import ROOT

OF_THE_SUITE = [name for name, command in COMMANDS.items() if command.starts == SUITE]


def test_options_go_to_pytest_as_single_words() -> None:
    """pytest takes a separate value for the path of a test, and would read the conftest beside it."""
    options = ["--optimizer", "sgd=mine:A", "--optimizer=mine:B", "--contract", "a b.yaml", "--report=out", "--claim", "x"]

    request = parse(["claims", *options, "--device", "cpu", "--long", "-m", "probe"])

    assert request.subjects == ("sgd=mine:A", "mine:B")
    assert request.arguments == (
        *("--optimizer=sgd=mine:A", "--optimizer=mine:B", "--claim=x", "--device=cpu"),
        *("--contract=a b.yaml", "--report=out", "--long", "-m", "probe"),
    )


def test_check_names_its_subject_as_an_optimizer() -> None:
    request = parse(["check", "coupled=mine:A", "--expected-failures=known.yaml", "--golden-dir=g"])

    assert request.subjects == ("coupled=mine:A",)
    assert request.arguments == ("--optimizer=coupled=mine:A", "--expected-failures=known.yaml", "--golden-dir=g")


@pytest.mark.parametrize("command", OF_THE_SUITE)
def test_arguments_after_two_dashes_go_to_pytest(command: str) -> None:
    """A second pair of dashes is one of them."""
    subject = ["mine:A"] if command == "check" else []

    request = parse([command, *subject, "--", "-k", "x or y", "--", "--state=no"])

    assert request.for_pytest == ("-k", "x or y", "--", "--state=no")
    assert request.state == Path(".decaygate")


def test_the_harness_gets_its_arguments_in_their_order() -> None:
    """Only --state is the launcher's own."""
    request = parse(["fingerprint", "a:A", "--against", "b:B", "--state", "there", "--only", "order", "coupling", "--help"])

    assert request.arguments == ("a:A", "--against", "b:B", "--only", "order", "coupling", "--help")
    assert request.state == Path("there")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "dg: the following arguments are required: command; dg --help explains the options"),
        (["chekc"], "dg: argument command: invalid choice: 'chekc'"),
        (["check"], "dg check: the following arguments are required: [ROLE=]MODULE:ATTRIBUTE; dg check --help"),
        (["claims", "--contrat=x"], "dg claims: unrecognized arguments: --contrat=x; arguments for pytest stand after --; "),
        (["claims", "--opt=a:A"], "unrecognized arguments: --opt=a:A"),
        (["claims", "--device", "gpu"], "dg claims: argument --device: invalid choice: 'gpu'"),
        (["list", "--", "-k", "x"], "dg list: arguments after -- go to pytest, which this command does not start"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(words: list[str], message: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse(words, "dg")

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", OF_THE_SUITE)
def test_the_help_of_a_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The example is a command line that is accepted."""
    with pytest.raises(SystemExit) as caught:
        parse([command, "--help"], "dg")

    (example,) = re.findall(r"^example: dg (.+)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert caught.value.code == 0
    assert parse(example.split()).command == command


def test_claims_takes_every_option_of_the_suite() -> None:
    """An option that is new in the plugin is missing in the launcher until it is added there."""
    code = (ROOT / "tests" / "plugin" / "options.py").read_text(encoding="utf-8")
    options = re.findall(r'addoption\(\s*"(--[a-z-]+)"', code)
    values = {"--device": "cpu"}

    accepted = [parse(["claims", option, *([] if option == "--long" else [values.get(option, "x")])]) for option in options]

    assert len(options) > 5
    assert all(request.arguments[0].startswith(option) for option, request in zip(options, accepted, strict=True))


def test_every_command_of_the_harness_is_one_of_the_launcher() -> None:
    """`ready` is for the Makefile."""
    assert set(OF_THE_HARNESS) - {"ready"} == {name for name, command in COMMANDS.items() if command.starts == HARNESS}
