"""The command line `python -m harness`: one module a command."""
