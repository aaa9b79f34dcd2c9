"""The recorded numbers: have they moved?"""
