"""Field of a contract: a question about an optimizer, the values that answer it, and the usual one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Declared = str | float
UNSPECIFIED = "unspecified"  # a value of every field: nothing is promised, and no claim that needs the field applies


@dataclass(frozen=True)
class Value:
    """One value of a field: what it means, an example as a formula, and when an author declares it (a fault: never)."""

    means: str
    example: str = ""
    declare_if: str = ""


@dataclass(frozen=True)
class Field:
    """One field of a contract: its question (`asks`), its usual value, the values that can be declared, and the faults.

    `usual` is the promise of the role `decoupled`. `faults` are values that are measured of some optimizers and cannot be
    declared. `met_by` are other measured values that the test accepts if the declared value is the usual one; a claim that
    needs the field must accept them too. A field without `values` holds a number or an import path; `takes` explains it.
    """

    asks: str
    usual: Declared
    values: Mapping[str, Value] = field(default_factory=dict)
    faults: Mapping[str, Value] = field(default_factory=dict)
    met_by: tuple[str, ...] = ()
    takes: str = ""


Fields = Mapping[str, Field]
