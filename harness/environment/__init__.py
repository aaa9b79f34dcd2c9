"""Environment of a run: versions, threads, GPUs, folders, commands. No module of it imports torch at its top."""
