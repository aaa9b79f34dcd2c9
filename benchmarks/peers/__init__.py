"""Pass/fail rules of other projects' optimizer tests, rewritten from their published constants.

`planted` lists the optimizers; `rule` defines a rule and runs it; `torch_tests`, `library_tests` and `golden_runs` hold the
rules. The folder contains no code of the other projects.
"""
