"""Probes over many steps: noise, norms, equilibria."""
