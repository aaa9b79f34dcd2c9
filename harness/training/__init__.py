"""Short training of a small GPT, many runs at once."""
