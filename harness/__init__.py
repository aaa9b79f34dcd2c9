"""The engine of decaygate: a scenario is run; its claims get verdicts, its numbers are compared with goldens.

The rooms, each with its row. A module imports from its own room and from rooms with a smaller number, and from no other room in
this list; tests/selftest/test_architecture.py reads the list and compares it with the imports.

    1   errors        the exceptions
    1   policy        numbers that decide between red and green
    1   measurement   one measured number, its closed form, its tolerance
    1   tables        tables for the terminal and for Markdown
    1   environment   versions, threads, GPUs, folders, commands
    1   optimizers    reference optimizers that scenarios name
    2   stats         Student's t, intervals, detectable changes
    2   decay_laws    closed forms of weight decay, and the tolerances to which they hold
    3   spec          what people write: scenarios, contracts, options, expected failures
    4   subject       the optimizer under test: its role, loading, stepping, time limit, output
    5   probes        experiments on an optimizer alone, one module each, with its closed form
    5   training      short training of a small GPT, many runs at once
    5   fingerprint   what an optimizer is measured to do, one question at a time
    6   catalog       every scenario and claim, with every name in them checked
    7   run           one scenario in one session: the only place where the parts meet
    8   verdicts      is the claim true here?
    9   goldens       have the numbers moved?
    10  attribution   who moved them: the optimizer, or what it runs on?
    11  reporting     what a run prints and writes: ledger, tables, results.json
    12  cli           python -m harness
"""
