"""Exit codes of every command, and the exception for a mistake of the user."""

GREEN = 0  # there is nothing to act on
RED = 1  # a claim, a promise or a golden is red, or something is missing in a report
INTERRUPTED = 2
MISTAKE = 4  # an option, a file or the environment cannot be used
NOTHING_SELECTED = 5


class Mistake(Exception):
    """A mistake of the user, with one line that says what was expected, what came, and what to run next."""
