"""Is a subject found and built, or refused in one line that says what is available?"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.errors import RunError, SubjectError
from harness.subject.loading import Watched, factory, resolve, unwatched
from harness.subject.output import capture_output
from harness.subject.roles import DEFAULTS, Subjects, choose, parse

ADAMW = "tests.mutants.decay_rule:AdamWTwin"

MODULE = """
import warnings
import torch

print("hello from the import")
warnings.warn("an old package", DeprecationWarning)

number = 3

class Right(torch.optim.AdamW):
    class Inner(torch.optim.AdamW):
        pass

class WithoutDecay(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr)

class ThirdStep(torch.optim.SGD):
    taken = 0
    def step(self, closure=None):
        self.taken += 1
        if self.taken == 3:
            raise ValueError("no\\nthird step")
        return super().step(closure)

def long_winded(params, lr, weight_decay):
    raise RuntimeError("one line\\n\\nand another")

def nothing(params, lr, weight_decay):
    return None

def no_groups(params, lr, weight_decay):
    class Stepper:
        def step(self):
            pass
    return Stepper()

def loud(params, lr, weight_decay):
    print("building")
    return torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of somebody's optimizers, on the import path for one test."""
    (tmp_path / "somebody.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("raise RuntimeError('line one\\nline two')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "somebody"
    for name in ("somebody", "broken"):
        sys.modules.pop(name, None)


def parameters() -> list[torch.nn.Parameter]:
    """Return one parameter with a gradient."""
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    return [weight]


# --- naming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("mypkg.optim:MyAdamW", ("decoupled", "mypkg.optim:MyAdamW")),
        ("decoupled=a:B", ("decoupled", "a:B")),
        ("coupled=a:B", ("coupled", "a:B")),
        ("sgd=a.b:C.D", ("sgd", "a.b:C.D")),
    ],
)
def test_a_role_may_stand_before_the_path(text: str, parsed: tuple[str, str]) -> None:
    """Without one the subject is decoupled."""
    assert parse(text) == parsed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamw=a:B", "--optimizer adamw=a:B: unknown role 'adamw' (known: coupled, decoupled, sgd)"),
        ("=a:B", "--optimizer =a:B: unknown role '' (known: coupled, decoupled, sgd)"),
        ("fixed=a:B", "--optimizer fixed=a:B: unknown role 'fixed' (known: coupled, decoupled, sgd)"),
        ("torch.optim", "--optimizer torch.optim: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW"),
        (":B", "--optimizer :B: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW"),
        ("a:", "--optimizer a:: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW"),
        ("", "--optimizer : expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW"),
    ],
)
def test_a_value_that_names_no_subject_is_refused(text: str, message: str) -> None:
    """With the roles that there are, or the form that is expected."""
    with pytest.raises(SubjectError) as caught:
        parse(text)

    assert str(caught.value) == message


def test_a_given_subject_takes_its_role_and_leaves_the_others() -> None:
    """The first one given is the one under test."""
    assert choose([], []) == Subjects(DEFAULTS)
    assert choose([f"coupled={ADAMW}"], []) == Subjects({**DEFAULTS, "coupled": ADAMW}, ("coupled",))
    assert choose([f"sgd={ADAMW}", "decoupled=torch.optim:NAdam"], []).under_test == ("decoupled", "sgd")


def test_a_role_is_taken_once() -> None:
    """Two subjects in one role would silently be one."""
    with pytest.raises(SubjectError, match=r"^--optimizer: a role is given twice \(decoupled, decoupled\)$"):
        choose([ADAMW, "decoupled=torch.optim:Adam"], [])


def test_a_subject_has_its_own_golden_folder() -> None:
    """Named by its path; the shipped subjects share `default`."""
    assert Subjects(DEFAULTS).folder == "default"
    assert Subjects({**DEFAULTS, "sgd": "a.b:C"}, ("sgd",)).folder == "a.b.C"
    assert Subjects({**DEFAULTS, "sgd": "a.b:C", "coupled": "d:E"}, ("coupled", "sgd")).folder == "d.E+a.b.C"


# --- finding and building -------------------------------------------------------------------------------------------


def test_an_attribute_may_be_nested(mine: str) -> None:
    """A class inside a class is named with dots."""
    with capture_output([]):
        found = resolve(f"{mine}:Right.Inner")

    assert found.__name__ == "Inner"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "nowhere.at_all:X",
            "nowhere.at_all:X: cannot import 'nowhere.at_all' (ModuleNotFoundError: No module named 'nowhere'); "
            "the working directory is on the import path, and an installed package is found by its import name",
        ),
        (
            "broken:X",
            "broken:X: cannot import 'broken' (RuntimeError: line one line two); "
            "the working directory is on the import path, and an installed package is found by its import name",
        ),
        ("torch.optim:AdamV", "torch.optim:AdamV: torch.optim has no 'AdamV' (there is: Adam, RAdam, NAdam)"),
        (
            "somebody:Qqq",
            "somebody:Qqq: somebody has no 'Qqq' "
            "(there is: Right, ThirdStep, WithoutDecay, long_winded, loud, no_groups, nothing)",
        ),
        ("somebody:number", "somebody:number: expected a class or a factory, got a int"),
        (
            "somebody:WithoutDecay",
            "somebody:WithoutDecay: cannot be built as WithoutDecay(params, lr=..., weight_decay=...): TypeError: "
            "WithoutDecay.__init__() got an unexpected keyword argument 'weight_decay'; "
            "wrap it in a factory that takes these arguments",
        ),
        (
            "somebody:long_winded",
            "somebody:long_winded: cannot be built as long_winded(params, lr=..., weight_decay=...): RuntimeError: "
            "one line and another; wrap it in a factory that takes these arguments",
        ),
        ("somebody:nothing", "somebody:nothing: expected an optimizer, got a NoneType without 'step'"),
        ("somebody:no_groups", "somebody:no_groups: expected an optimizer, got a Stepper without 'param_groups'"),
    ],
)
def test_a_subject_that_cannot_be_used_is_refused_in_one_line(mine: str, path: str, message: str) -> None:
    """What was tried, what happened, and what there is or what to do."""
    with pytest.raises(SubjectError) as caught:
        choose([path], [])

    assert str(caught.value) == message


def test_what_a_subject_says_while_it_is_chosen_is_heard(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its import and its constructor; a warning is not a failure."""
    subject_output: list[str] = []

    choose([f"{mine}:loud"], subject_output)

    assert subject_output == ["prints: hello from the import", "prints: building", "warns: DeprecationWarning: an old package"]
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_subject() -> None:
    """Beside the learning rate and the weight decay of the probe."""
    make = factory("torch.optim:AdamW", {"betas": (0.8, 0.9), "eps": 1e-4}, training=False)

    group = make(parameters(), lr=0.5, weight_decay=0.25).param_groups[0]

    assert (group["lr"], group["weight_decay"], group["betas"], group["eps"]) == (0.5, 0.25, (0.8, 0.9), 1e-4)


def test_an_option_that_is_refused_is_named_in_one_line() -> None:
    """With every argument that was given."""
    make = factory(ADAMW, {"amsgrad": True}, training=False)

    with pytest.raises(RunError) as caught:
        make(parameters(), lr=0.1, weight_decay=0.0)

    assert str(caught.value) == (
        f"{ADAMW} refuses its arguments (lr, weight_decay, amsgrad): TypeError: "
        "_AdamMoments.__init__() got an unexpected keyword argument 'amsgrad'"
    )


@pytest.mark.parametrize(
    ("path", "training", "foreach", "fused"),
    [
        ("torch.optim:AdamW", False, False, None),
        ("torch.optim:AdamW", True, None, True),
        ("torch.optim:SGD", True, None, True),
        ("torch.optim:RMSprop", False, False, None),
        ("torch.optim:RMSprop", True, False, None),
    ],
)
def test_torchs_own_kernel_is_explicit(path: str, training: bool, foreach: bool | None, fused: bool | None) -> None:
    """The loop in probes, the fused one in studies where there is one."""
    optimizer = factory(path, {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)

    assert (optimizer.defaults["foreach"], optimizer.defaults.get("fused")) == (foreach, fused)


@pytest.mark.parametrize("training", [True, False])
def test_other_subjects_get_no_kernel(mine: str, training: bool) -> None:
    """A class derived from torch's may not take the keys, and a factory may not either."""
    with capture_output([]):
        derived = factory(f"{mine}:Right", {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)
        built = factory(f"{mine}:loud", {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)

    assert (derived.defaults["foreach"], derived.defaults["fused"]) == (None, None)
    assert (built.defaults["foreach"], built.defaults["fused"]) == (None, None)


# --- running --------------------------------------------------------------------------------------------------------


def test_an_optimizer_that_raises_says_at_which_step(mine: str) -> None:
    """In one line, and only there."""
    with capture_output([]):
        optimizer = factory(f"{mine}:ThirdStep", {}, training=False)(parameters(), lr=0.1, weight_decay=0.0)
    optimizer.step()
    optimizer.step()

    with pytest.raises(RunError) as caught:
        optimizer.step()

    assert str(caught.value) == "somebody:ThirdStep raised ValueError at step 3: no third step"


def test_a_watched_optimizer_is_the_optimizer() -> None:
    """Its groups are the same objects, it steps with its arguments, and its steps are counted."""
    before = Watched.steps_taken
    (weight,) = parameters()
    optimizer = factory("torch.optim:SGD", {}, training=False)([weight], lr=0.1, weight_decay=0.0)
    optimizer.param_groups[0]["lr"] = 0.5

    loss = optimizer.step(lambda: 7.0)

    assert weight.tolist() == [0.5, 0.5]
    assert (loss, Watched.steps_taken - before) == (7.0, 1)


def test_training_uses_the_optimizer_itself() -> None:
    """Nothing stands between it and the loop."""
    assert type(factory("torch.optim:SGD", {}, training=True)(parameters(), lr=0.1, weight_decay=0.0)) is torch.optim.SGD


# --- listening ------------------------------------------------------------------------------------------------------


def test_prints_and_warnings_are_collected_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    """From both streams, without empty lines, and not again in another part of the run."""
    subject_output = ["prints: known"]

    with capture_output(subject_output):
        for _ in range(3):
            print("known\n\nnew")
            print("to stderr", file=sys.stderr)
            warnings.warn("careful", UserWarning, stacklevel=1)

    assert subject_output == ["prints: known", "prints: new", "prints: to stderr", "warns: UserWarning: careful"]
    assert capsys.readouterr() == ("", "")


def test_listening_ends_when_the_subject_raises() -> None:
    """What it said until then is kept; streams and warning filters are as before."""
    subject_output, streams, filters = list[str](), (sys.stdout, sys.stderr), list(warnings.filters)

    def speak_and_break() -> None:
        with capture_output(subject_output):
            print("last words")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        speak_and_break()

    assert subject_output == ["prints: last words"]
    assert (sys.stdout, sys.stderr) == streams
    assert list(warnings.filters) == filters


def test_the_optimizer_itself_is_there_for_who_copies_it() -> None:
    """Watched or not."""
    weights = [torch.nn.Parameter(torch.ones(2))]
    watched = factory("torch.optim:SGD", {}, training=False)(weights, lr=0.1, weight_decay=0.0)

    assert type(unwatched(watched)) is torch.optim.SGD
    assert unwatched(unwatched(watched)) is unwatched(watched)
