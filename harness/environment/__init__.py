"""What a run stands on: versions, threads, GPUs, folders, commands. Nothing here imports torch at the top."""
