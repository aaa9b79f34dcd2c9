"""Verdicts on claims, their messages, and the check of contract fields."""
