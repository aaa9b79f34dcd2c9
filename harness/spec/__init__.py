"""User input: scenarios, contracts, options, expected failures. The only package that reads YAML."""
