"""Catalog of all scenarios and claims, with every name in them checked."""
