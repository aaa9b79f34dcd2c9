"""The pass/fail rules of other projects' optimizer tests, re-stated from their published constants, to run on our mutants.

`planted` says what the rules are run on, `rule` what a rule is and when it is red; `torch_tests`, `library_tests` and
`golden_runs` hold the rules. No line of the other projects' code is here.
"""
