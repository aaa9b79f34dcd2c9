"""The optimizer under test: its role, loading, stepping, random numbers, time limit and captured output."""
