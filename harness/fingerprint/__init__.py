"""Fingerprint of an optimizer: measurement of what it does, in the words of the contract.

The experiments use torch's public interface of an optimizer and nothing else.
"""
