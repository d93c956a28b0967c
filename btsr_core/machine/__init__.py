"""The machine: threads, processes, memory, precision."""
