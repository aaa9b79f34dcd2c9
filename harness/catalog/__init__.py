"""Every scenario and claim, with every name in them checked."""
