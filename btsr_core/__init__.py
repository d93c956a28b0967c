"""BT-SR: sequential recommendation regularised by redundancy reduction.

Everything that the book computes lives here. Data flows one way:
datasets -> protocol -> sampler -> model + losses -> training -> evaluation -> figures.
"""

__version__ = "0.1.0"
