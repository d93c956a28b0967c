"""BT-SR: sequential recommendation regularised by redundancy reduction.

Everything that the book computes lives here. Data flows one way, and so do imports:
data -> sequences -> model, losses -> evaluation -> training -> analysis -> study -> pages. At this
level stand what describes an experiment (`config`), the one door to a trained model (`experiment`),
the store of runs, and the command line.
"""

__version__ = "0.1.0"
