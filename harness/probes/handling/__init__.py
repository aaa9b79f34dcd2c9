"""Probes of what surrounds a step: groups, gradients, state, schedules."""
