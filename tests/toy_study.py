"""A study of two models that plans little and trains nothing, as text."""

STUDY = """
[search.space]
dropout = { low = 0.1, high = 0.5, step = 0.2 }

[models.plain]
regulariser = "none"

[models.twins]
regulariser = "barlow-twins"
alpha = 0.25
search.alpha = { choices = [0.1, 0.2] }

[datasets.ml-100k]
trials = 2
settings = { patience = 3, dropout = 0.3 }

[[plan]]
dataset = "ml-100k"
part = "table"
models = ["plain", "twins"]
seeds = 2

[[plan]]
dataset = "ml-100k"
part = "alpha"
models = ["twins"]
seeds = 1
grid.alpha = [0.0, 0.5]

[other]
trials = 3
settings = { patience = 5 }

[[other.plan]]
part = "table"
models = ["twins"]
seeds = 1
"""


def write(folder, text):
    """Write a study into a folder and return its path."""
    path = folder / "study.toml"
    path.write_text(text)
    return path
