"""Mutants, optimizers with one planted fault each, and right optimizers. README.md describes how to add one."""
