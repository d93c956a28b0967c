"""Named datasets in their published formats, where they are taken from, and users' own files."""

import gzip
import hashlib
import logging
import re
import socket
import subprocess
import sys
import zipfile
from dataclasses import replace
from types import MappingProxyType

import pandas as pd
import pooch
import pytest

from btsr_core.data import datasets, fetch
from btsr_core.data.datasets import DATASETS, fingerprint, load_interactions
from btsr_core.data.tables import read_table
from btsr_core.errors import InputError

U_DATA = b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n196\t302\t1\t5\n"
U_ITEM = (
    "242|Kolya (1996)|24-Jan-1997||http://us.imdb.com/|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
    "302|Mis\xe9rables, Les (1995) |01-Jan-1995||http://|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n"
    "377|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
).encode("latin-1")
INTER = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + U_DATA
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tKolya\t1996\tComedy\n302\tMis\xe9rables, Les\t1995\tDrama Musical\n"
    "377\tunkonwn\tunkonwn\tunknown\n"
).encode()
HASH = "md5:" + "0" * 32
RATINGS = b"1::0001::8::1365029107\n2::0104257::7::1364118447\n2::0001::7::1364117717\n"
MOVIES = "0001::Fant\xf4mas: part 1 (1913)::Crime|Drama\n0104257::A::B (1992)::\n".encode()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An own cache, no mirror, and no way out to the network."""

    def refuse(self, address):
        raise OSError(f"a test tried to connect to {address}")

    monkeypatch.setenv("BTSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BTSR_MIRROR", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path / "cache"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Shrink the registry to fixtures in the true formats; return their contents by file name."""
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("ml-100k/u.data", U_DATA)
        opened.writestr("ml-100k/u.item", U_ITEM)
    contents = {
        "ml-100k.zip": archive.read_bytes(),
        "ml-100k.inter": INTER,
        "ml-100k.item": ITEM,
        "ratings.dat": RATINGS,
        "movies.dat": MOVIES,
    }

    def shrink(spec, **counts):
        origins = tuple(
            replace(
                origin,
                files=tuple(
                    replace(
                        file,
                        known_hash="sha256:" + hashlib.sha256(contents[file.name]).hexdigest(),
                    )
                    for file in origin.files
                ),
            )
            for origin in spec.origins
        )
        return replace(spec, origins=origins, **counts)

    small = {
        "ml-100k": shrink(DATASETS["ml-100k"], n_users=3, n_items=3, n_interactions=4),
        "movietweetings-100k": shrink(
            DATASETS["movietweetings-100k"], n_users=2, n_items=2, n_interactions=3
        ),
    }
    monkeypatch.setattr(datasets, "DATASETS", MappingProxyType(small))
    return contents


def put(folder, contents, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(contents[name])


def serve(monkeypatch, contents, *, reachable):
    """Replace downloading: `reachable` prefixes answer, others fail; return the log of requests."""
    asked = []

    def downloader(url, *, progress):
        def download(url, output_file, _pooch):
            asked.append(url)
            if not url.startswith(reachable):
                raise OSError("no route to host")
            with open(output_file, "wb") as output:
                output.write(contents[url.rsplit("/", 1)[-1]])

        return download

    monkeypatch.setattr(fetch, "_downloader", downloader)
    return asked


# Named datasets: formats


def test_the_registry_is_immutable_and_complete():
    assert list(DATASETS) == [
        "ml-100k",
        "ml-1m",
        "movietweetings-100k",
        "beauty-5core",
        "yelp-2020-5core",
        "amazon-beauty",
        "amazon-kindle-store",
        "behance",
        "gowalla",
        "yelp",
    ]
    with pytest.raises(TypeError):
        DATASETS["mine"] = None
    for name, spec in DATASETS.items():
        assert spec.name == name
        assert spec.licence
        assert spec.citation
        assert spec.title
        assert spec.homepage.startswith("https://")
        for origin in spec.origins:
            for file in origin.files:
                assert bool(file.url) != bool(origin.how_to_get)
                assert re.fullmatch("sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.known_hash or HASH)
        unchecked = any(file.known_hash is None for o in spec.origins for file in o.files)
        assert unchecked == (name in {"amazon-kindle-store", "behance", "yelp"})


def test_the_size_is_given_in_words():
    assert DATASETS["ml-1m"].size == "6,040 users, 3,706 items, 1,000,209 interactions"
    assert DATASETS["yelp"].size == "size as released"


def test_both_origins_of_ml_100k_read_alike(published, tmp_path):
    put(tmp_path / "a" / "ml-100k", published, "ml-100k.zip")
    put(tmp_path / "b" / "ml-100k", published, "ml-100k.inter", "ml-100k.item")
    one = load_interactions("ml-100k", mirror=tmp_path / "a")
    two = load_interactions("ml-100k", mirror=tmp_path / "b")
    pd.testing.assert_frame_equal(one.frame, two.frame)
    pd.testing.assert_frame_equal(one.items, two.items)
    assert one.fingerprint == two.fingerprint
    assert one.frame.to_dict("list") == {
        "user_id": [196, 186, 22, 196],
        "item_id": [242, 302, 377, 302],
        "timestamp": [881250949, 891717742, 878887116, 5],
    }
    assert (one.frame.dtypes == "int64").all()
    assert one.items.loc[302].tolist() == ["Mis\xe9rables, Les (1995)", "Drama|Musical"]
    assert one.items.loc[377].tolist() == ["unknown", "unknown"]
    assert "mirror" in one.source


def test_movietweetings_keeps_the_zeros_of_imdb_numbers(published, tmp_path):
    put(tmp_path / "movietweetings-100k", published, "ratings.dat", "movies.dat")
    data = load_interactions("movietweetings-100k", mirror=tmp_path)
    assert data.frame["item_id"].tolist() == ["0001", "0104257", "0001"]
    assert data.frame["user_id"].tolist() == [1, 2, 2]
    assert data.frame["timestamp"].tolist() == [1365029107, 1364118447, 1364117717]
    assert data.items.loc["0001"].tolist() == ["Fant\xf4mas: part 1 (1913)", "Crime|Drama"]
    assert data.items.loc["0104257"].tolist() == ["A::B (1992)", ""]


@pytest.mark.parametrize(
    ("name", "file"), [("ml-100k", "ml-100k.inter"), ("movietweetings-100k", "ratings.dat")]
)
def test_a_mirror_may_lack_titles_and_is_then_not_completed_online(
    published, tmp_path, monkeypatch, name, file
):
    asked = serve(monkeypatch, published, reachable=("https:", "pypi:"))
    put(tmp_path / name, published, file)
    monkeypatch.setenv("BTSR_MIRROR", str(tmp_path))
    data = load_interactions(name)
    assert data.items.empty
    assert list(data.items.columns) == ["title", "genres"]
    assert asked == []


def test_wrong_counts_are_an_error_of_the_program(published, tmp_path, monkeypatch):
    spec = replace(datasets.DATASETS["ml-100k"], n_users=4)
    monkeypatch.setattr(datasets, "DATASETS", {"ml-100k": spec})
    put(tmp_path / "ml-100k", published, "ml-100k.inter")
    with pytest.raises(RuntimeError, match=r"\(3, 3, 4\).*\(4, 3, 4\)"):
        load_interactions("ml-100k", mirror=tmp_path)


def test_wrong_counts_of_a_file_without_a_checksum_are_the_files_fault(tmp_path):
    put(tmp_path / "amazon-kindle-store", {"ratings_Kindle_Store.csv": b"A,B,5.0,1\n"},
        "ratings_Kindle_Store.csv")  # fmt: skip
    with pytest.raises(InputError, match=r"\(1, 1, 1\).*ratings_Kindle_Store.csv.*Replace it"):
        load_interactions("amazon-kindle-store", mirror=tmp_path)


# Named datasets: where the files come from


def test_a_mirror_file_with_the_wrong_content_is_refused(published, tmp_path, monkeypatch):
    asked = serve(monkeypatch, published, reachable=("https:", "pypi:"))
    put(tmp_path / "ml-100k", {"ml-100k.zip": b"truncated"}, "ml-100k.zip")
    found, expected = (
        hashlib.sha256(content).hexdigest() for content in (b"truncated", published["ml-100k.zip"])
    )
    with pytest.raises(InputError, match=f"ml-100k.zip .*{found}.*{expected}"):
        load_interactions("ml-100k", mirror=tmp_path)
    assert asked == []


def test_a_mirror_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="elsewhere is not a folder"):
        load_interactions("ml-100k", mirror=tmp_path / "elsewhere")


def test_a_mirror_without_the_dataset_is_passed_over(published, tmp_path, monkeypatch):
    serve(monkeypatch, published, reachable=("https:",))
    assert "GroupLens" in load_interactions("ml-100k", mirror=tmp_path, progress=False).source


def test_the_first_origin_is_preferred_and_asked_once(published, monkeypatch):
    asked = serve(monkeypatch, published, reachable=("https:", "pypi:"))
    for _ in range(2):
        load_interactions("ml-100k", progress=False)
    assert asked == ["https://files.grouplens.org/datasets/movielens/ml-100k.zip"]


def test_the_second_origin_is_taken_when_the_first_fails_and_then_comes_first(
    published, monkeypatch, cache
):
    asked = serve(monkeypatch, published, reachable=("pypi:",))
    first = load_interactions("ml-100k", progress=False)
    assert [url.split(":")[0] for url in asked] == ["https", "pypi", "pypi"]
    again = load_interactions("ml-100k", progress=False)
    assert len(asked) == 3
    assert first.fingerprint == again.fingerprint
    assert sorted(file.name for file in (cache / "ml-100k").iterdir()) == [
        "ml-100k.inter",
        "ml-100k.item",
    ]


def test_a_damaged_cache_is_fetched_again(published, monkeypatch, cache):
    asked = serve(monkeypatch, published, reachable=("https:",))
    put(cache / "ml-100k", {"ml-100k.zip": b"damaged"}, "ml-100k.zip")
    load_interactions("ml-100k", progress=False)
    assert len(asked) == 1


def test_a_download_with_the_wrong_content_counts_as_a_failure(published, monkeypatch, cache):
    serve(monkeypatch, {**published, "ml-100k.zip": b"a log-in page"}, reachable=("https:", "pypi"))
    assert "recbole" in load_interactions("ml-100k", progress=False).source
    assert not (cache / "ml-100k" / "ml-100k.zip").exists()


def test_when_everything_fails_the_message_says_what_to_do(published, monkeypatch):
    serve(monkeypatch, published, reachable=())
    with pytest.raises(InputError) as caught:
        load_interactions("ml-100k", progress=False)
    message = str(caught.value)
    assert "GroupLens: no route to host" in message
    assert "recbole 1.2.1 wheel: no route to host" in message
    assert "ml-100k.zip or ml-100k.inter" in message
    assert "MIRROR/ml-100k/" in message
    assert "BTSR_MIRROR" in message


@pytest.mark.parametrize(
    ("name", "file"),
    [("yelp", "yelp_academic_dataset_review.json"), ("behance", "Behance_appreciate_1M.gz")],
)
def test_what_only_the_user_can_get_is_never_asked_of_the_network(monkeypatch, name, file):
    asked = serve(monkeypatch, {}, reachable=("",))
    with pytest.raises(InputError, match=f"{name} could not be fetched") as caught:
        load_interactions(name, progress=False)
    message = str(caught.value)
    assert "only you" in message
    assert DATASETS[name].homepage in message
    assert f"Get {file} yourself" in message
    assert f"MIRROR/{name}/" in message
    assert asked == []


def test_the_users_own_download_is_read_from_the_mirror(tmp_path):
    review = b'{"user_id":"u","business_id":"b","text":"?","date":"2018-07-07 22:09:11"}\n'
    name = "yelp_academic_dataset_review.json"
    put(tmp_path / "yelp", {name: review}, name)
    data = load_interactions("yelp", mirror=tmp_path)
    assert data.frame.to_numpy().tolist() == [["u", "b", 1531001351]]
    assert data.source == "Yelp, from a mirror"
    put(tmp_path / "yelp", {name: review * 2}, name)
    assert load_interactions("yelp", mirror=tmp_path).fingerprint != data.fingerprint


def test_a_file_without_a_checksum_is_downloaded_once(monkeypatch):
    spec = replace(DATASETS["amazon-kindle-store"], n_users=1, n_items=1, n_interactions=1)
    monkeypatch.setattr(datasets, "DATASETS", {spec.name: spec})
    asked = serve(monkeypatch, {"ratings_Kindle_Store.csv": b"A,B,5.0,1\n"}, reachable=("https:",))
    for _ in range(2):
        load_interactions(spec.name, progress=False)
    assert len(asked) == 1


def test_an_unreachable_host_is_a_failure_to_report(published, monkeypatch):
    spec = datasets.DATASETS["movietweetings-100k"]
    with pytest.raises(InputError, match="movietweetings-100k could not be fetched"):
        fetch.fetch(spec, None, progress=False)  # the real downloader; sockets are refused


def test_poochs_logger_speaks_only_with_progress_and_is_left_as_it_was(
    published, monkeypatch, tmp_path
):
    serve(monkeypatch, published, reachable=("https:",))
    lines = []
    logger = pooch.get_logger()
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lines.append)
    monkeypatch.setattr(logger, "handlers", [handler])
    for turn, progress in enumerate([True, False, True]):
        monkeypatch.setenv("BTSR_CACHE", str(tmp_path / str(turn)))
        lines.clear()
        load_interactions("movietweetings-100k", progress=progress)
        assert len(lines) == (2 if progress else 0)
    assert logger.filters == []


def test_a_wheel_member_is_taken_out_without_installing(tmp_path):
    wheel = tmp_path / "toy_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("toy_data/log.inter", INTER)
        opened.writestr(
            "toy_data-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0"
        )
        opened.writestr("toy_data-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        opened.writestr("toy_data-1.0.dist-info/RECORD", "")
    output = tmp_path / "log.inter"
    fetch._download_wheel_member(f"pypi:{wheel}#toy_data/log.inter", str(output), None)
    assert output.read_bytes() == INTER
    with pytest.raises(OSError, match="does not hold other"):
        fetch._download_wheel_member(f"pypi:{wheel}#other", str(output), None)
    with pytest.raises(OSError, match="pip could not fetch"):
        fetch._download_wheel_member(f"pypi:{tmp_path}/no.whl#other", str(output), None)


# Users' files


def write(path, text):
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


CSV = "user_id,item_id,timestamp\nann,7,20\nbob,9,10\nann,9,20\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.csv", CSV),
        ("log.csv.gz", CSV),
        ("log.tsv", CSV.replace(",", "\t")),
        ("log.csv", CSV.replace(",", ";")),
        ("log.txt", CSV.replace(",", "|")),
        ("log.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("log.csv", CSV.replace("\n", "\n\n")),
        ("log.csv", CSV.replace("timestamp", "timestamp,text").replace("0\n", '0,"a\n,b"\n')),
    ],
)
def test_text_files_read_alike(tmp_path, name, text):
    data = load_interactions(write(tmp_path / name, text))
    reference = load_interactions(str(write(tmp_path / "reference.csv", CSV)))
    pd.testing.assert_frame_equal(data.frame, reference.frame)
    assert data.fingerprint == reference.fingerprint
    assert data.name == "log"
    assert data.items.empty
    assert reference.frame.to_dict("list") == {
        "user_id": ["ann", "bob", "ann"],
        "item_id": [7, 9, 9],
        "timestamp": [20, 10, 20],
    }


def test_quoted_line_breaks_survive_in_files_longer_than_one_block(tmp_path):
    rows = "".join(f'{row},1,{row},"{"long" * 20}\n,text"\n' for row in range(40_000))
    path = write(tmp_path / "log.csv", "user_id,item_id,timestamp,text\n" + rows)
    assert path.stat().st_size > 3 * 2**20
    frame = load_interactions(path).frame
    assert frame["user_id"].tolist() == frame["timestamp"].tolist() == list(range(40_000))


def test_parquet_reads_as_text_does_under_other_names(tmp_path):
    frame = pd.DataFrame({"who": ["ann", "bob", "ann"], "what": [7, 9, 9], "when": [20, 10, 20]})
    path = tmp_path / "log.parquet"
    for who in (frame["who"], frame["who"].astype("category")):
        frame.assign(who=who, other=1.5).to_parquet(path)
        data = load_interactions(path, user_col="who", item_col="what", time_col="when")
        assert data.fingerprint == load_interactions(write(tmp_path / "a.csv", CSV)).fingerprint


def test_ids_that_look_like_numbers_are_not_merged(tmp_path):
    path = write(tmp_path / "log.csv", "user_id,item_id,timestamp\n1,007,1\nNA,7,2\nnull,+7,3\n")
    frame = load_interactions(path).frame
    assert frame["item_id"].tolist() == ["007", "7", "+7"]
    assert frame["user_id"].tolist() == ["1", "NA", "null"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (
            ["1381006850123456789", "1381006850123456790"],
            [1381006850123456789, 1381006850123456790],
        ),
        (["1.5", "2"], [1.5, 2.0]),
        (["2013-02-28", "2013-02-28T17:30:00+01:00"], [1362009600 * 10**9, 1362069000 * 10**9]),
        (["2013-02-28 00:00:00.000000001", "1969-12-31"], [1362009600 * 10**9 + 1, -86400 * 10**9]),
    ],
)
def test_times_are_numbers_as_they_are_or_dates_in_nanoseconds(tmp_path, times, expected):
    rows = "".join(f"1,{item},{time}\n" for item, time in enumerate(times))
    text = load_interactions(write(tmp_path / "log.csv", "user_id,item_id,timestamp\n" + rows))
    table = pd.DataFrame({"user_id": 1, "item_id": range(len(times)), "timestamp": times})
    table.to_parquet(tmp_path / "log.parquet")
    for data in (text, load_interactions(tmp_path / "log.parquet")):
        assert data.frame["timestamp"].tolist() == expected
        assert data.frame["timestamp"].dtype == type(expected[0])


def test_parquet_dates_become_nanoseconds(tmp_path):
    times = pd.to_datetime(["2013-02-28", "2013-03-01"])
    for unit in ("s", "ns"):
        frame = pd.DataFrame(
            {"user_id": 1, "item_id": [1.0, 2.0], "timestamp": times.as_unit(unit)}
        )
        frame.to_parquet(tmp_path / "log.parquet")
        data = load_interactions(tmp_path / "log.parquet").frame
        assert data["timestamp"].tolist() == [1362009600 * 10**9, 1362096000 * 10**9]
        assert data["item_id"].dtype == "int64"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("user_id,item_id,timestamp\n", "has no rows"),
        (CSV.replace("item_id", "movie"), r"no column 'item_id'.*'movie'.*item_col \(--item-col\)"),
        (CSV.replace("user_id", "item_id"), "no column 'user_id'.*user_col"),
        ("user_id,user_id,item_id,timestamp\n1,1,1,1\n", "more than one column 'user_id'"),
        (CSV.replace("bob", ""), "line 3: column 'user_id' has no value"),
        (CSV.replace("10", ""), "line 3: column 'timestamp' has no value"),
        (CSV.replace("\nbob", '\n\n"bob\n"').replace(",10", ","), "line 5: column 'timestamp'"),
        (CSV.replace("10", "ten"), "column 'timestamp', line 3: 'ten' is not a time"),
        (CSV.replace("10", "nan"), "line 3: nan is not a time"),
        (CSV.replace("10", "-inf"), "line 3: -inf is not a time"),
        ("user_id,item_id,timestamp\n1,1,2013-02-28\n1,2,28.02.2013\n", "line 3: '28.02.2013'"),
        ("user_id,item_id,timestamp\n1,1,2013-02-28\n1,2,9999-12-31\n", "line 3: '9999-12-31'"),
        (CSV.replace("10", "10,x"), "line 3: 4 values where the header names 3"),
        (CSV.replace("\nbob,9,10", "\n\nbob,9"), "line 4: 2 values"),
        (CSV.replace("bob", "b\xf8b").encode("latin-1"), "not UTF-8"),
        (CSV.encode("utf-16"), "not UTF-8"),
    ],
)
def test_bad_text_is_refused_with_its_place(tmp_path, text, message):
    path = write(tmp_path / "log.csv", text)
    with pytest.raises(InputError, match=message) as caught:
        load_interactions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestamp": [1.0, None]}, "row 2: column 'timestamp' has no value"),
        ({"timestamp": ["1", "x"]}, "row 2: 'x' is not a time"),
        ({"timestamp": [True, False]}, "times must be numbers or dates"),
        ({"user_id": [1.5, 2.0]}, "'user_id': ids must be whole numbers"),
        ({"item_id": [True, False]}, "ids must be whole numbers or text"),
        ({"item_id": [1, 2**64 - 1]}, "ids must be whole numbers of 64 bits"),
        (
            {"timestamp": pd.to_datetime(["9999-01-01"] * 2).as_unit("s")},
            "times must fit 64 bits",
        ),
    ],
)
def test_bad_parquet_is_refused_with_its_place(tmp_path, changes, message):
    path = tmp_path / "log.parquet"
    columns = {"user_id": [1, 2], "item_id": [1, 2], "timestamp": [1, 2], **changes}
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(InputError, match=message) as caught:
        load_interactions(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["log.parquet", "log.csv.gz"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        load_interactions(tmp_path / name)


def test_one_column_cannot_play_two_parts(tmp_path):
    with pytest.raises(InputError, match="must differ"):
        read_table(tmp_path / "log.csv", user_col="id", item_col="id", time_col="timestamp")


def test_an_unknown_source_lists_what_there_is(tmp_path):
    with pytest.raises(InputError, match=r"Did you mean 'ml-100k'\?.*movietweetings-100k.*CSV"):
        load_interactions("ML100k")
    with pytest.raises(InputError) as caught:
        load_interactions(str(tmp_path / "nothing.csv"))
    assert "Did you mean" not in str(caught.value)


def test_the_fingerprint_follows_the_content_and_not_the_file(tmp_path):
    before = load_interactions(write(tmp_path / "a.csv", CSV)).fingerprint
    moved = load_interactions(write(tmp_path / "b.csv", CSV.replace("_id", "")), user_col="user",
                              item_col="item").fingerprint  # fmt: skip
    assert moved == before
    edits = [
        ("bob", "bo"),
        ("9,10", "8,10"),
        ("9,20", "9,21"),
        ("7,20\nbob,9,10", "9,20\nbob,7,10"),
    ]
    edited = [load_interactions(write(tmp_path / "a.csv", CSV.replace(*edit))) for edit in edits]
    assert len({before, *(data.fingerprint for data in edited)}) == 1 + len(edits)


def test_the_fingerprint_tells_types_apart_and_holds_across_processes(tmp_path):
    frame = pd.DataFrame({"user_id": [1, 2], "item_id": ["a", "b"], "timestamp": [0, 0]})
    others = [frame.assign(user_id=["1", "2"]), frame.assign(timestamp=[0.0, 0.0]), frame[::-1]]
    assert len({fingerprint(each) for each in [frame, *others]}) == 4
    path = write(tmp_path / "log.csv", "user_id,item_id,timestamp\n1,a,0\n2,b,0\n")
    program = (
        "import sys; from btsr_core.data.datasets import load_interactions;"
        "print(load_interactions(sys.argv[1]).fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint(frame)


def test_a_stray_quote_does_not_swallow_the_rest_of_a_file(tmp_path):
    path = tmp_path / "quote.csv"
    titles = ["fine"] * 4 + ['"open'] + ["fine"] * 4
    rows = [f"u{i},i{i % 3},{i},{title}" for i, title in enumerate(titles)]
    path.write_text("\n".join(["user_id,item_id,timestamp,title", *rows]) + "\n")
    with pytest.raises(InputError, match="line 6"):
        load_interactions(str(path))


def test_a_quoted_value_may_hold_line_breaks(tmp_path):
    path = tmp_path / "quote.csv"
    path.write_text('user_id,item_id,timestamp,title\nu,i,1,"two\nlines"\n\nv,i,2,"a ""b"""\n')
    assert len(load_interactions(str(path)).frame) == 2


def test_a_header_without_rows_ends_cleanly(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("user_id,item_id,timestamp\n")
    command = [sys.executable, "-m", "btsr_core", "split", str(path)]
    for _ in range(3):  # reader threads used to abort the interpreter, more often than not
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
