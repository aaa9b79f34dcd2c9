"""The roles of a session, and the optimizer that takes each role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import SubjectError
from harness.spec.contract import IN_FLOAT32, PROMISES, Contract, complete, role_of
from harness.subject.loading import try_to_build
from harness.subject.output import capture_output

DEFAULTS: Mapping[str, str] = {
    "decoupled": "torch.optim:AdamW",
    "coupled": "torch.optim:Adam",
    "sgd": "torch.optim:SGD",
}
ANY = "any"  # the role of claims that hold for any optimizer under test


@dataclass(frozen=True)
class Subjects:
    """The optimizers of a session: `by_role` has the import path of the optimizer in each role.

    `under_test` are the roles that the user's subjects take, empty if none is given. `declared` has the complete contract of each
    role. `contract_file` is the file of the subject's contract, empty if there is none, and `contract_fields` are the fields that
    the file has a line for.
    """

    by_role: Mapping[str, str]
    under_test: tuple[str, ...] = ()
    declared: Mapping[str, Contract] = field(default_factory=lambda: PROMISES)
    contract_file: str = ""
    contract_fields: tuple[str, ...] = ()

    def path(self, role: str) -> str:
        """Return the import path of the optimizer in `role`; `any` is the first subject under test, else the decoupled one."""
        return self.by_role[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def is_under_test(self, role: str) -> bool:
        """Return True if an arm of this role runs an optimizer of the user."""
        return role in self.under_test or (role == ANY and bool(self.under_test))

    def contract(self, role: str) -> Contract:
        """Return the complete contract of the optimizer in `role`."""
        return self.declared[(self.under_test or ("decoupled",))[0] if role == ANY else role]

    def computes_in_float32(self, role: str) -> bool:
        """Return True if an arm of this role runs an optimizer whose contract declares float32, of weights or settings."""
        return self.is_under_test(role) and self.contract(role)["precision"] in IN_FLOAT32

    @property
    def equivalent_to(self) -> str:
        """The import path of the optimizer whose numbers the only subject under test promises; empty if there is none.

        The subject is compared with the goldens of that optimizer.
        """
        return str(self.contract(self.under_test[0])["equivalent_to"]) if len(self.under_test) == 1 else ""

    @property
    def shares_shipped_goldens(self) -> bool:
        """True if the subject under test promises the numbers of a shipped one, and so is compared with the shipped goldens."""
        return bool(self.equivalent_to) and self.golden_subfolder == "default"

    @property
    def fingerprinted(self) -> tuple[str, ...]:
        """The roles whose optimizer has a golden of its fingerprint: those under test, or all if none is.

        There are none if the subject promises the numbers of another optimizer, because the goldens are those of that one.
        """
        return () if self.equivalent_to else self.under_test or tuple(self.declared)

    @property
    def golden_subfolder(self) -> str:
        """The name of these subjects' folder in the golden folder.

        It is `default` for the shipped subjects, else the import paths with '.' for ':', joined by '+'. A subject that
        promises the numbers of another optimizer has the folder of that optimizer.
        """
        if self.equivalent_to:
            return "default" if self.equivalent_to in DEFAULTS.values() else self.equivalent_to.replace(":", ".")
        return "+".join(self.by_role[role].replace(":", ".") for role in self.under_test) or "default"


def parse_subject(text: str, usual: str = "decoupled") -> tuple[str, str]:
    """Return (role, path) of an `--optimizer [ROLE=]module:attribute` value; the role is `usual` if the value names none.

    Raises SubjectError for an unknown role and for a path of another form.
    """
    role, separator, path = text.rpartition("=")
    role = role if separator else usual
    if role not in DEFAULTS:
        raise SubjectError(f"--optimizer {text}: unknown role {role!r} (known: {', '.join(sorted(DEFAULTS))})")
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SubjectError(f"--optimizer {text}: expected [ROLE=]module:attribute, for example mypkg.optim:MyAdamW")
    return role, path


def choose_subjects(values: Sequence[str], subject_output: list[str], declared: Contract | None = None) -> Subjects:
    """Return the optimizer of each role; lines that the subjects print or warn are added to `subject_output`.

    `declared` is the contract of the only subject in `values`; the role follows from it where the value names none. Raises
    SubjectError unless each subject can be imported and built with weight decay.
    """
    if declared is not None and len(values) != 1:
        raise SubjectError(f"--contract declares one optimizer: expected one --optimizer, got {len(values)}")
    by_role = dict(DEFAULTS)
    given = [parse_subject(value, role_of(declared or {})) for value in values]
    if len({role for role, _ in given}) != len(given):
        raise SubjectError(f"--optimizer: a role is given twice ({', '.join(role for role, _ in given)})")
    for role, path in given:
        by_role[role] = path
        with capture_output(subject_output):
            try_to_build(path)
    under_test = tuple(sorted(role for role, _ in given))
    if declared and declared.get("equivalent_to"):
        with capture_output(subject_output):
            try_to_build(str(declared["equivalent_to"]))
    contracts = dict(PROMISES)
    for role in under_test:
        contracts[role] = complete(declared or {}, role)
    return Subjects(by_role, under_test, contracts, contract_fields=tuple(declared or ()))
