"""What a run prints and writes: the ledger, the tables, results.json."""
