"""The named datasets of films rated by their viewers."""

from btsr_core.data.fetch import DatasetSpec, Origin, RemoteFile, pinned_file
from btsr_core.data.formats import (
    parse_movielens_1m,
    parse_movielens_100k,
    parse_movietweetings,
    parse_recbole,
)

_GROUPLENS_TERMS = (
    "GroupLens terms: research use; no redistribution and no commercial use without permission; "
    "cite the paper"
)
_MOVIELENS_PAPER = (
    "F. Maxwell Harper and Joseph A. Konstan (2015). The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems 5(4), 19. "
    "https://doi.org/10.1145/2827872"
)

_GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
_RECBOLE = "pypi:recbole==1.2.1#recbole/dataset_example/ml-100k/"
_TWEETINGS = "https://raw.githubusercontent.com/sidooms/MovieTweetings/master/snapshots/100K/"

ML_100K = DatasetSpec(
    name="ml-100k",
    title="MovieLens 100K: ratings of films, September 1997 to April 1998",
    homepage="https://grouplens.org/datasets/movielens/100k/",
    licence=_GROUPLENS_TERMS,
    citation=_MOVIELENS_PAPER,
    origins=(
        Origin(
            title="GroupLens",
            files=(
                pinned_file(
                    "ml-100k.zip",
                    _GROUPLENS,
                    "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
                ),
            ),
            parse=parse_movielens_100k,
        ),
        Origin(
            title="the copy in the recbole 1.2.1 wheel",
            files=(
                pinned_file(
                    "ml-100k.inter",
                    _RECBOLE,
                    "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
                ),
                pinned_file(
                    "ml-100k.item",
                    _RECBOLE,
                    "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
                    required=False,
                ),
            ),
            parse=parse_recbole,
        ),
    ),
    n_users=943,
    n_items=1_682,
    n_interactions=100_000,
)

ML_1M = DatasetSpec(
    name="ml-1m",
    title="MovieLens 1M: ratings of films, April 2000 to February 2003",
    homepage="https://grouplens.org/datasets/movielens/1m/",
    licence=_GROUPLENS_TERMS,
    citation=_MOVIELENS_PAPER,
    origins=(
        Origin(
            title="GroupLens",
            files=(
                RemoteFile(
                    "ml-1m.zip",
                    _GROUPLENS + "ml-1m.zip",
                    "md5:c4d9eecfca2ab87c1945afe126590906",  # as in ml-1m.zip.md5 beside it
                ),
            ),
            parse=parse_movielens_1m,
        ),
    ),
    n_users=6_040,
    n_items=3_706,
    n_interactions=1_000_209,
)

MOVIETWEETINGS_100K = DatasetSpec(
    name="movietweetings-100k",
    title="MovieTweetings 100K: ratings of films posted on Twitter, February to September 2013",
    homepage="https://github.com/sidooms/MovieTweetings",
    licence="MIT",
    may_be_passed_on=True,
    citation=(
        "Simon Dooms, Toon De Pessemier and Luc Martens (2013). MovieTweetings: a movie rating "
        "dataset collected from Twitter. CrowdRec at RecSys 2013."
    ),
    origins=(
        Origin(
            title="GitHub, sidooms/MovieTweetings",
            files=(
                pinned_file(
                    "ratings.dat",
                    _TWEETINGS,
                    "c0dd868c2632d10002ebc928ddc5345f33adeaa59eca52c2941c26a2c5e36fd6",
                ),
                pinned_file(
                    "movies.dat",
                    _TWEETINGS,
                    "e63fb84bc734e3c574f135634a40d3cbafab22b8f94f5fc0b80f80d1d2076efc",
                    required=False,
                ),
            ),
            parse=parse_movietweetings,
        ),
    ),
    n_users=16_554,
    n_items=10_506,
    n_interactions=100_000,
)
