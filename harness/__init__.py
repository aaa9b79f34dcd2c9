"""decaygate's engine: scenario -> run -> measures -> verdict -> golden -> ledger."""
