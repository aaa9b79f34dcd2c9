"""Who moved a number: the optimizer, or what it runs on?"""
