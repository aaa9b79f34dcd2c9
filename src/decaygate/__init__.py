"""decaygate: every documented claim about weight decay as an executable test, for any PyTorch optimizer."""

__version__ = "0.1.0"
