"""Tests of loading a subject: names and roles, import and construction, refusals in one line, captured output."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from harness.errors import RunError, SubjectError
from harness.subject.loading import WatchedOptimizer, make_factory, resolve, unwrap, with_objects
from harness.subject.output import capture_output
from harness.subject.roles import DEFAULTS, Subjects, choose_subjects, parse_subject

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

class Wraps:
    def __init__(self, base_optimizer, k=5):
        self.base_optimizer = base_optimizer

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
    """A user's module of optimizers, on the import path for one test."""
    (tmp_path / "usermod.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("raise RuntimeError('line one\\nline two')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "usermod"
    for name in ("usermod", "broken"):
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
def test_a_value_may_name_a_role_before_the_path(text: str, parsed: tuple[str, str]) -> None:
    """Without a role the subject is decoupled."""
    assert parse_subject(text) == parsed


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
    """The message has the known roles or the expected form."""
    with pytest.raises(SubjectError) as caught:
        parse_subject(text)

    assert str(caught.value) == message


def test_a_given_subject_replaces_the_default_of_its_role() -> None:
    """The other roles keep their default subjects."""
    assert choose_subjects([], []) == Subjects(DEFAULTS)
    assert choose_subjects([f"coupled={ADAMW}"], []) == Subjects({**DEFAULTS, "coupled": ADAMW}, ("coupled",))
    assert choose_subjects([f"sgd={ADAMW}", "decoupled=torch.optim:NAdam"], []).under_test == ("decoupled", "sgd")


def test_two_subjects_in_one_role_are_refused() -> None:
    """Without the refusal, one of the two would be ignored silently."""
    with pytest.raises(SubjectError, match=r"^--optimizer: a role is given twice \(decoupled, decoupled\)$"):
        choose_subjects([ADAMW, "decoupled=torch.optim:Adam"], [])


def test_a_subject_has_its_own_golden_folder() -> None:
    """The folder is named by the import path. The shipped subjects share `default`."""
    assert Subjects(DEFAULTS).golden_subfolder == "default"
    assert Subjects({**DEFAULTS, "sgd": "a.b:C"}, ("sgd",)).golden_subfolder == "a.b.C"
    assert Subjects({**DEFAULTS, "sgd": "a.b:C", "coupled": "d:E"}, ("coupled", "sgd")).golden_subfolder == "d.E+a.b.C"


# --- finding and building -------------------------------------------------------------------------------------------


def test_an_attribute_may_be_nested(mine: str) -> None:
    """A class inside a class is named with dots."""
    with capture_output([]):
        subject = resolve(f"{mine}:Right.Inner")

    assert subject.__name__ == "Inner"


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
            "usermod:Qqq",
            "usermod:Qqq: usermod has no 'Qqq' "
            "(there is: Right, ThirdStep, WithoutDecay, Wraps, long_winded, loud, no_groups, nothing)",
        ),
        ("usermod:number", "usermod:number: expected a class or a factory, got a int"),
        (
            "usermod:WithoutDecay",
            "usermod:WithoutDecay: cannot be built as WithoutDecay(params, lr=..., weight_decay=...): TypeError: "
            "WithoutDecay.__init__() got an unexpected keyword argument 'weight_decay'; "
            "wrap it in a factory that takes these arguments",
        ),
        (
            "usermod:long_winded",
            "usermod:long_winded: cannot be built as long_winded(params, lr=..., weight_decay=...): RuntimeError: "
            "one line and another; wrap it in a factory that takes these arguments",
        ),
        (
            "usermod:Wraps",
            "usermod:Wraps: cannot be built as Wraps(params, lr=..., weight_decay=...): TypeError: "
            "Wraps.__init__() got an unexpected keyword argument 'lr'; "
            "wrap it in a factory that takes these arguments, for example def make(params, lr, weight_decay): "
            "return Wraps(torch.optim.AdamW(params, lr=lr, weight_decay=weight_decay))",
        ),
        ("usermod:nothing", "usermod:nothing: expected an optimizer, got a NoneType without 'step'"),
        ("usermod:no_groups", "usermod:no_groups: expected an optimizer, got a Stepper without 'param_groups'"),
    ],
)
def test_a_subject_that_cannot_be_used_is_refused_in_one_line(mine: str, path: str, message: str) -> None:
    """The line has the path, the reason, and the known names or what to do."""
    with pytest.raises(SubjectError) as caught:
        choose_subjects([path], [])

    assert str(caught.value) == message


def test_a_text_that_names_an_object_becomes_the_object() -> None:
    """A dtype or a class cannot be written in JSON. Other texts, with a colon too, stay as they are."""
    given = {"dtype": "torch:bfloat16", "base": "torch.optim:SGD", "mode": "a:b", "time": "12:30", "lr_scale": 2, "none": None}

    assert with_objects(given) == {**given, "dtype": torch.bfloat16, "base": torch.optim.SGD}


def test_the_output_of_a_chosen_subject_is_captured(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its import and its constructor may print and warn; a warning is not a failure."""
    subject_output: list[str] = []

    choose_subjects([f"{mine}:loud"], subject_output)

    assert subject_output == ["prints: hello from the import", "prints: building", "warns: DeprecationWarning: an old package"]
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_subject() -> None:
    """They are passed together with the learning rate and the weight decay."""
    make = make_factory("torch.optim:AdamW", {"betas": (0.8, 0.9), "eps": 1e-4}, training=False)

    group = make(parameters(), lr=0.5, weight_decay=0.25).param_groups[0]

    assert (group["lr"], group["weight_decay"], group["betas"], group["eps"]) == (0.5, 0.25, (0.8, 0.9), 1e-4)


def test_refused_arguments_are_reported_in_one_line() -> None:
    """The message lists all arguments that were passed."""
    make = make_factory(ADAMW, {"amsgrad": True}, training=False)

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
def test_the_kernel_of_a_torch_optimizer_is_explicit(path: str, training: bool, foreach: bool | None, fused: bool | None) -> None:
    """It is the for-loop in probes, and the fused kernel in studies where there is one."""
    optimizer = make_factory(path, {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)

    assert (optimizer.defaults["foreach"], optimizer.defaults.get("fused")) == (foreach, fused)


@pytest.mark.parametrize("training", [True, False])
def test_other_subjects_get_no_kernel_flags(mine: str, training: bool) -> None:
    """A class derived from torch's, or a factory, may not accept these arguments."""
    with capture_output([]):
        derived = make_factory(f"{mine}:Right", {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)
        built = make_factory(f"{mine}:loud", {}, training=training)(parameters(), lr=0.1, weight_decay=0.0)

    assert (derived.defaults["foreach"], derived.defaults["fused"]) == (None, None)
    assert (built.defaults["foreach"], built.defaults["fused"]) == (None, None)


# --- running --------------------------------------------------------------------------------------------------------


def test_an_exception_is_reported_with_its_step(mine: str) -> None:
    """The message is one line."""
    with capture_output([]):
        optimizer = make_factory(f"{mine}:ThirdStep", {}, training=False)(parameters(), lr=0.1, weight_decay=0.0)
    optimizer.step()
    optimizer.step()

    with pytest.raises(RunError) as caught:
        optimizer.step()

    assert str(caught.value) == "usermod:ThirdStep raised ValueError at step 3: no third step"


def test_a_watched_optimizer_acts_like_the_optimizer() -> None:
    """Its groups are the same objects, it steps with its arguments, and its steps are counted."""
    before = WatchedOptimizer.steps_taken
    (weight,) = parameters()
    optimizer = make_factory("torch.optim:SGD", {}, training=False)([weight], lr=0.1, weight_decay=0.0)
    optimizer.param_groups[0]["lr"] = 0.5

    loss = optimizer.step(lambda: 7.0)

    assert weight.tolist() == [0.5, 0.5]
    assert (loss, WatchedOptimizer.steps_taken - before) == (7.0, 1)


def test_training_uses_the_optimizer_without_wrapper() -> None:
    assert type(make_factory("torch.optim:SGD", {}, training=True)(parameters(), lr=0.1, weight_decay=0.0)) is torch.optim.SGD


# --- captured output ------------------------------------------------------------------------------------------------


def test_prints_and_warnings_are_collected_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Both streams are captured. Empty lines, and lines that the session has already captured, are left out."""
    subject_output = ["prints: known"]

    with capture_output(subject_output):
        for _ in range(3):
            print("known\n\nnew")
            print("to stderr", file=sys.stderr)
            warnings.warn("careful", UserWarning, stacklevel=1)

    assert subject_output == ["prints: known", "prints: new", "prints: to stderr", "warns: UserWarning: careful"]
    assert capsys.readouterr() == ("", "")


def test_output_is_captured_until_the_subject_raises() -> None:
    """Afterwards the streams and the warning filters are as before."""
    subject_output, streams, filters = list[str](), (sys.stdout, sys.stderr), list(warnings.filters)

    def print_and_raise() -> None:
        with capture_output(subject_output):
            print("last words")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        print_and_raise()

    assert subject_output == ["prints: last words"]
    assert (sys.stdout, sys.stderr) == streams
    assert list(warnings.filters) == filters


def test_unwatched_returns_the_optimizer_itself() -> None:
    """It also accepts an optimizer that has no wrapper."""
    weights = [torch.nn.Parameter(torch.ones(2))]
    watched = make_factory("torch.optim:SGD", {}, training=False)(weights, lr=0.1, weight_decay=0.0)

    assert type(unwrap(watched)) is torch.optim.SGD
    assert unwrap(unwrap(watched)) is unwrap(watched)


class NeedsClosure(torch.optim.SGD):
    """Refuse a step without a closure; the closure gives the gradients again after they were changed."""

    seen: ClassVar[list[float]] = []

    def step(self, closure=None):
        if closure is None:
            raise RuntimeError("a closure is needed")
        (weight,) = self.param_groups[0]["params"]
        weight.grad.mul_(7.0)
        closure()
        NeedsClosure.seen.append(float(weight.grad))
        return super().step()


class ByKeyword(torch.optim.SGD):
    """Take a closure by keyword only."""

    def step(self, *, closure=None):
        return super().step(closure)


class RequiredByKeyword(torch.optim.SGD):
    """Need a closure, by keyword only."""

    def step(self, *, closure):
        return super().step(closure)


@pytest.mark.parametrize(("make", "needs"), [(ByKeyword, False), (RequiredByKeyword, True)])
def test_a_closure_by_keyword_only_is_given_by_keyword(make, needs) -> None:
    weight = torch.nn.Parameter(torch.tensor(1.0))
    weight.grad = torch.tensor(0.5)
    optimizer = WatchedOptimizer(make([weight], lr=0.1), "mine:make")

    optimizer.step()
    assert float(optimizer.step(lambda: torch.tensor(3.0))) == 3.0

    assert optimizer.needs_closure is needs
    assert float(weight.detach()) == pytest.approx(0.9)


class RaisesAtOnce(torch.optim.SGD):
    """Raise at each call, with a closure too."""

    def step(self, closure=None):
        raise RuntimeError(f"broken, closure: {closure is not None}")


def test_a_step_that_needs_a_closure_gets_the_given_gradients() -> None:
    weight = torch.nn.Parameter(torch.tensor(1.0))
    weight.grad = torch.tensor(0.5)
    optimizer = WatchedOptimizer(NeedsClosure([weight], lr=0.1), "mine:NeedsClosure")

    optimizer.step()
    optimizer.step()

    assert optimizer.needs_closure
    assert NeedsClosure.seen[-2:] == [0.5, 0.5]
    assert float(weight.detach()) == pytest.approx(0.9)


def test_an_error_that_is_not_about_the_closure_is_kept() -> None:
    weight = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = WatchedOptimizer(RaisesAtOnce([weight], lr=0.1), "mine:RaisesAtOnce")

    with pytest.raises(RunError, match="step 1: broken, closure: False"):
        optimizer.step()
    assert not optimizer.needs_closure


class HasModes(torch.optim.AdamW):
    """Note the calls of train() and eval()."""

    def __init__(self, params, lr, weight_decay):
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.modes: list[str] = []

    def train(self):
        self.modes.append("train")

    def eval(self):
        self.modes.append("eval")


def test_an_optimizer_with_modes_is_put_into_training_mode() -> None:
    """Schedule-free optimizers step in this mode only."""
    for training in (False, True):
        make = make_factory("tests.selftest.subject.test_loading:HasModes", {}, training=training)

        assert unwrap(make([torch.nn.Parameter(torch.ones(2))], lr=0.1, weight_decay=0.0)).modes == ["train"]
