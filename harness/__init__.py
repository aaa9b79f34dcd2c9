"""decaygate's engine: scenario -> run -> measures -> verdict -> golden -> ledger.

Read it from the ground up; a module imports only from lower floors (tests/selftest/test_architecture.py holds it to that).

    errors reading             what can go wrong; one measured number
    binding scenario           strict YAML -> frozen dataclasses
    subject optimizers options the optimizer under test; fixed reference optimizers; where a run gets its subject from
    probes/                    experiments on an optimizer alone, one module each, with its closed form
    task gpt schedule          what a study trains: sentences, network, learning rates
    stack evaluate tape record weights of all runs; scores; numbers while training; numbers kept
    train                      the loop
    statistics verdict         Student's t and its kin; does an expectation hold?
    store heartbeat study      pieces of work that workers share; signs of life; how a study is cut
    measure arithmetic         the closed vocabularies of numbers
    catalogue                  every scenario, with every name checked
    run outcome                run a scenario; what became of a claim
    entries comparison recording difference golden    have the numbers moved?
    diagnosis wording          what an optimizer does instead; how it is said
    ledger budget table        what ran; the summed chance of a false red; how a run ends
    determinism slots          what is fixed before a run; which GPU is whose
    cli                        python -m harness
"""
