"""Wrong optimizers, one planted fault each, and the right optimizers that they are without it. README.md says how to add one."""
