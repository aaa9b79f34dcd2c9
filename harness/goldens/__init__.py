"""Goldens: the recorded numbers of each scenario, and their comparison with the numbers of a run."""
