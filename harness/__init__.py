"""decaygate's engine: scenario -> run -> measures -> verdict -> golden -> ledger.

Read it from the ground up; a module imports only from lower floors (tests/selftest/test_architecture.py holds it to that).

    errors reading             what can go wrong; one measured number
    binding scenario           strict YAML -> frozen dataclasses
    contract contract_page     what an optimizer can promise: one table; the page and the JSON made from it
    deadline subject single    the optimizer under test: that it comes back, how it is built, in single precision
    options expected_failures  what a run is asked for; which claims are known to fail
    optimizers averaging rounding prodigy    fixed reference optimizers
    fingerprint/               what an optimizer is measured to do, a question at a time, in a process of its own
    probes/                    experiments on an optimizer alone, one module each, with its closed form
    task gpt schedule          what a study trains: sentences, network, learning rates
    stack evaluate tape record weights of all runs; scores; numbers while training; numbers kept
    train                      the loop
    statistics verdict         Student's t and its kin; does an expectation hold?
    store heartbeat study      pieces of work that workers share; signs of life; how a study is cut
    measure arithmetic         the closed vocabularies of numbers
    catalogue                  every scenario, with every name checked
    run outcome applicability  run a scenario; what became of a claim; which claims a contract leaves
    entries comparison provenance recording difference golden    have the numbers moved, and whose are they?
    diagnosis wording          what an optimizer does instead; how it is said
    promise                    each field of a contract against what is measured
    ledger budget table        what ran; the summed chance of a false red; how a run ends
    determinism slots          what is fixed before a run; which GPU is whose
    cli                        python -m harness
"""
