"""Is the claim true here? Verdicts, their messages, and the contract's fields."""
