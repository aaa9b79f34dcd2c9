"""Output of a session: the ledger, the failure messages, the tables, results.json."""
