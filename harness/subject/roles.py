"""The roles of a run, and which optimizer takes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import SubjectError
from harness.spec.contract import PROMISES, Contract, complete, role_of
from harness.subject.loading import _try_to_build
from harness.subject.output import capture_output

DEFAULTS: Mapping[str, str] = {
    "decoupled": "torch.optim:AdamW",
    "coupled": "torch.optim:Adam",
    "sgd": "torch.optim:SGD",
}
ANY = "any"  # the role of claims that hold for whatever optimizer is under test


@dataclass(frozen=True)
class Subjects:
    """Who takes which role in this run; `under_test` are the roles that the user's subjects took, if any were given.

    `declared` are the contracts by role, complete; `contract_file` is where the subject's author wrote one of them, if anywhere.
    """

    by_role: Mapping[str, str]
    under_test: tuple[str, ...] = ()
    declared: Mapping[str, Contract] = field(default_factory=lambda: PROMISES)
    contract_file: str = ""

    def path(self, role: str) -> str:
        """Return the import path of who takes `role`; `any` is the first subject under test, else the decoupled one."""
        return self.by_role[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def tests(self, role: str) -> bool:
        """Return True if an arm of this role runs an optimizer of the user."""
        return role in self.under_test or (role == ANY and bool(self.under_test))

    def contract(self, role: str) -> Contract:
        """Return what is declared of the optimizer in `role`."""
        return self.declared[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def single(self, role: str) -> bool:
        """Return True if an arm of this role runs an optimizer whose contract declares float32."""
        return self.tests(role) and self.contract(role)["precision"] == "float32"

    @property
    def reference(self) -> str:
        """The optimizer to whose goldens the one subject under test is held, or nothing."""
        return str(self.contract(self.under_test[0])["equivalent_to"]) if len(self.under_test) == 1 else ""

    @property
    def shares_shipped_goldens(self) -> bool:
        """Whether the subject under test promises the numbers of a shipped one, and so is held to the shipped goldens."""
        return bool(self.reference) and self.folder == "default"

    @property
    def folder(self) -> str:
        """The golden folder: `default` for the shipped subjects, else the paths with ':' written '.', joined by '+'."""
        if self.reference:
            return "default" if self.reference in DEFAULTS.values() else self.reference.replace(":", ".")
        return "+".join(self.by_role[role].replace(":", ".") for role in self.under_test) or "default"


def parse(text: str, usual: str = "decoupled") -> tuple[str, str]:
    """Return (role, path) of an `--optimizer [ROLE=]module:attribute` value. Raises SubjectError."""
    role, separator, path = text.rpartition("=")
    role = role if separator else usual
    if role not in DEFAULTS:
        raise SubjectError(f"--optimizer {text}: unknown role {role!r} (known: {', '.join(sorted(DEFAULTS))})")
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SubjectError(f"--optimizer {text}: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW")
    return role, path


def choose(values: Sequence[str], subject_output: list[str], declared: Contract | None = None) -> Subjects:
    """Return who takes which role; what the subjects print or warn meanwhile goes to `heard`.

    `declared` is the contract of the one subject given, and names its role where `values` does not. Raises SubjectError
    unless each given subject resolves and accepts weight decay.
    """
    if declared is not None and len(values) != 1:
        raise SubjectError(f"--contract declares one optimizer: expected one --optimizer, got {len(values)}")
    by_role = dict(DEFAULTS)
    given = [parse(value, role_of(declared or {})) for value in values]
    if len({role for role, _ in given}) != len(given):
        raise SubjectError(f"--optimizer: a role is given twice ({', '.join(role for role, _ in given)})")
    for role, path in given:
        by_role[role] = path
        with capture_output(subject_output):
            _try_to_build(path)
    under_test = tuple(sorted(role for role, _ in given))
    if declared and declared.get("equivalent_to"):
        with capture_output(subject_output):
            _try_to_build(str(declared["equivalent_to"]))
    contracts = dict(PROMISES)
    for role in under_test:
        contracts[role] = complete(declared or {}, role)
    return Subjects(by_role, under_test, contracts)
