"""How a fingerprint runs an optimizer and compares its runs."""
