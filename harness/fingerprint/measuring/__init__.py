"""Tools of the fingerprint that run an optimizer and compare its runs."""
