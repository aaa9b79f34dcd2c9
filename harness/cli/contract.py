"""The command `contract`."""

from __future__ import annotations

from harness.spec import contract_page


def contract(*, as_json: bool) -> int:
    """Print the contract's fields with their values, the usual one first: the page docs/guide/contract.md, or JSON."""
    print(contract_page.as_json() if as_json else contract_page.markdown(), end="")
    return 0
