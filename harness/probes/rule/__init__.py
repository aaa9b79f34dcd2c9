"""Probes of one update rule against its closed form."""
