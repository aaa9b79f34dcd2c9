"""Probes of rounding, implementations and autograd."""
