"""Probes of optimizers that average, mask or estimate."""
