"""Command `contract`: the fields that a contract can declare."""

from __future__ import annotations

from harness.spec import contract_page


def contract(*, as_json: bool) -> int:
    """Print the fields of the contract and their values, the usual value first. Return 0.

    The output is the page docs/guide/contract.md, or JSON.
    """
    print(contract_page.as_json() if as_json else contract_page.markdown(), end="")
    return 0
