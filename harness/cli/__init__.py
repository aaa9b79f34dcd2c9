"""Command line `python -m harness`: its parser, and its commands."""
