"""Closed forms of weight decay, and the tolerances to which they hold."""
