"""The named datasets: those of `films`, and those of purchases, reviews, places and pictures.

A checksum is the publisher's, or one on which independent projects agree, or was taken from the
file itself; a file has none where nobody could confirm one, and then the counts are the check.
"""

from collections.abc import Mapping
from types import MappingProxyType

from btsr_core.data.fetch import DatasetSpec, Origin, RemoteFile, pinned_file
from btsr_core.data.films import ML_1M, ML_100K, MOVIETWEETINGS_100K
from btsr_core.data.formats import (
    parse_amazon,
    parse_behance,
    parse_gowalla,
    parse_sequences,
    parse_yelp,
)

_AMAZON_HOME = "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html"
_AMAZON_PAPERS = (
    "Ruining He and Julian McAuley (2016). Ups and Downs: Modeling the Visual Evolution of Fashion "
    "Trends with One-Class Collaborative Filtering. WWW 2016. "
    "https://doi.org/10.1145/2872427.2883037; "
    "Julian McAuley, Christopher Targett, Qinfeng Shi and Anton van den Hengel (2015). Image-based "
    "Recommendations on Styles and Substitutes. SIGIR 2015. "
    "https://doi.org/10.1145/2766462.2767755"
)
_TICOSEREC_PAPER = (
    "Yizhou Dang et al. (2023). Uniform Sequence Better: Time Interval Aware Data Augmentation for "
    "Sequential Recommendation. AAAI 37(4), 4225-4232. https://arxiv.org/abs/2212.08262"
)
_YELP_HOME = "https://business.yelp.com/data/resources/open-dataset/"
_YELP_PAPER = f"Yelp Open Dataset. {_YELP_HOME}"

_SNAP = "https://snap.stanford.edu/data/"
_TICOSEREC = (
    "https://raw.githubusercontent.com/KingGugu/TiCoSeRec/"
    "302b2959f27bb16bb77acae5a471de82819bd1bd/data/"
)

_GOWALLA = DatasetSpec(
    name="gowalla",
    title="Gowalla: check-ins at places, February 2009 to October 2010",
    homepage="https://snap.stanford.edu/data/loc-gowalla.html",
    licence="none stated; published by SNAP for research; cite the paper",
    citation=(
        "Eunjoon Cho, Seth A. Myers and Jure Leskovec (2011). Friendship and Mobility: User "
        "Movement in Location-Based Social Networks. KDD 2011. "
        "https://doi.org/10.1145/2020408.2020579"
    ),
    origins=(
        Origin(
            title="SNAP",
            files=(
                pinned_file(
                    "loc-gowalla_totalCheckins.txt.gz",
                    _SNAP,
                    "c1c3e19effba649b6c89aeab3c1f9459fad88cfdc2b460fc70fd54e295d83ea0",
                ),
            ),
            parse=parse_gowalla,
        ),
    ),
    n_users=107_092,
    n_items=1_280_969,
    n_interactions=6_442_892,  # the page says 6,442,890; the file has two more
)


def _amazon(
    name: str, category: str, file: RemoteFile, counts: tuple[int, int, int]
) -> DatasetSpec:
    return DatasetSpec(
        name,
        title=f"Amazon {category}: ratings of products, to July 2014, all of them (no k-core)",
        homepage=_AMAZON_HOME,
        licence="none stated; published for research; cite the papers",
        citation=_AMAZON_PAPERS,
        origins=(Origin("SNAP, for the McAuley lab", (file,), parse_amazon),),
        n_users=counts[0],
        n_items=counts[1],
        n_interactions=counts[2],
    )


_AMAZON_FILES = _SNAP + "amazon/productGraph/categoryFiles/"
_AMAZON_BEAUTY = _amazon(
    "amazon-beauty",
    "Beauty",
    pinned_file(
        "ratings_Beauty.csv",
        _AMAZON_FILES,
        "17d5232b90444beecfe758ce1446e5300230491f3a88ac802992ca95fc4c150f",
    ),
    (1_210_271, 249_274, 2_023_070),
)
_AMAZON_KINDLE_STORE = _amazon(
    "amazon-kindle-store",
    "Kindle Store",
    RemoteFile("ratings_Kindle_Store.csv", _AMAZON_FILES + "ratings_Kindle_Store.csv"),
    (1_406_890, 430_530, 3_205_467),
)

_BEHANCE = DatasetSpec(
    name="behance",
    title="Behance: projects of artists that users appreciated, June to November 2011",
    homepage="https://cseweb.ucsd.edu/~jmcauley/datasets.html",
    licence="none stated; published for research; cite the paper",
    citation=(
        "Ruining He, Chen Fang, Zhaowen Wang and Julian McAuley (2016). Vista: A Visually, "
        "Socially, and Temporally-aware Model for Artistic Recommendation. RecSys 2016. "
        "https://doi.org/10.1145/2959100.2959152"
    ),
    origins=(
        Origin(
            title="McAuley lab",
            files=(RemoteFile("Behance_appreciate_1M.gz"),),
            parse=parse_behance,
            how_to_get=(
                "no program can download it, only you. On the page below follow the link to the "
                "files of Behance (Community Art Data) and save Behance_appreciate_1M.gz; it may "
                "be unpacked, but must keep that name."
            ),
        ),
    ),
    n_users=63_497,
    n_items=178_788,
    n_interactions=1_000_000,
)

_YELP = DatasetSpec(
    name="yelp",
    title="Yelp Open Dataset: reviews of businesses, all of them, in the release that you have",
    homepage=_YELP_HOME,
    licence="Yelp Dataset Terms of Use: academic, not commercial use; no redistribution",
    citation=_YELP_PAPER,
    origins=(
        Origin(
            title="Yelp",
            files=(RemoteFile("yelp_academic_dataset_review.json"),),
            parse=parse_yelp,
            how_to_get=(
                "no program may download it, only you. On the page below accept Yelp's terms, "
                "download the JSON archive and unpack yelp_academic_dataset_review.json."
            ),
        ),
    ),
)


def _sequences(
    name: str,
    title: str,
    files: tuple[RemoteFile, ...],
    papers: str,
    terms: str,
    counts: tuple[int, int, int],
) -> DatasetSpec:
    return DatasetSpec(
        name,
        title=title,
        homepage="https://github.com/KingGugu/TiCoSeRec",
        licence=f"Apache-2.0 for the repository; {terms}",
        citation=f"{_TICOSEREC_PAPER}; {papers}",
        origins=(Origin("GitHub, KingGugu/TiCoSeRec", files, parse_sequences),),
        n_users=counts[0],
        n_items=counts[1],
        n_interactions=counts[2],
    )


_BEAUTY_5CORE = _sequences(
    "beauty-5core",
    "Amazon Beauty: reviews to July 2014, 5-core; times are whole days, ties keep the file's order",
    (
        pinned_file(
            "Beauty_item_org_rank.txt",
            _TICOSEREC + "Beauty/",
            "b95614189df525e1eb69dad579e84c6086468f2bb42dab894038949240307c4f",
        ),
        pinned_file(
            "Beauty_time_org_rank.txt",
            _TICOSEREC + "Beauty/",
            "4e6a6e30f9dba1985ad9adae79a891df6b403e2132f0422a6f6e88f67d1fcc75",
        ),
    ),
    _AMAZON_PAPERS,
    "the reviews are published for research",
    (22_363, 12_101, 198_502),
)
_YELP_2020_5CORE = _sequences(
    "yelp-2020-5core",
    "Yelp: reviews of 2019 in the release of 2020, 5-core; users come back to businesses",
    (
        pinned_file(
            "Yelp_item_org_rank.txt",
            _TICOSEREC + "Yelp-A/",
            "c192f158659e118070bf0cd2dfe4c01c15295a09ef2ada1ccadf0bab06e4c19e",
        ),
        pinned_file(
            "Yelp_time_org_rank.txt",
            _TICOSEREC + "Yelp-A/",
            "79b0f02a3dcbbc8799fe79725ccbba55735212e81247f7595385cb359fd95de0",
        ),
    ),
    _YELP_PAPER,
    "the reviews are under the Yelp Dataset Terms of Use",
    (30_431, 20_033, 316_354),
)

DATASETS: Mapping[str, DatasetSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ML_100K,
            ML_1M,
            MOVIETWEETINGS_100K,
            _BEAUTY_5CORE,
            _YELP_2020_5CORE,
            _AMAZON_BEAUTY,
            _AMAZON_KINDLE_STORE,
            _BEHANCE,
            _GOWALLA,
            _YELP,
        )
    }
)
"""The datasets that can be asked for by name."""
