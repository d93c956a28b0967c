"""Speed and memory of this project beside others; `python -m benchmarks --help` says how.

Processes in the environments of other libraries import `process` and `data` from here, so those two
need nothing but NumPy, and this file nothing at all.
"""
