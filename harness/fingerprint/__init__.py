"""What does an optimizer do? Measured from outside, through torch's public interface, in the contract's own terms."""
