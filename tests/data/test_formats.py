"""Parsers of the published formats, on small files in the true format, and their errors."""

import gzip
import json
import os
import zipfile
from pathlib import Path

import pytest

from btsr_core.data import formats
from btsr_core.data.datasets import DATASETS, load_interactions
from btsr_core.data.protocol import split_interactions
from btsr_core.errors import InputError

RATINGS_1M = b"1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n"
MOVIES_1M = (
    "661::James and the Giant Peach (1996)::Animation|Children's|Musical\n"
    "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
    "2::Fant\xf4mas: Act II::III (1913)::Crime\n"
).encode("latin-1")
CHECK_INS = (
    b"0\t2010-10-19T23:55:27Z\t30.2359091167\t-97.7951395833\t22847\n"
    b"0\t2010-10-18T22:17:43Z\t30.2691029532\t-97.7493953705\t420315\n"
    b"0\t2010-10-18T22:17:43Z\t30.2557309927\t-97.7633857727\t316637\n"
    b"1\t2009-02-04T05:17:38Z\t0.0\t0.0\t22847\n"
)
AMAZON = (
    b"A39HTATAQ9V7YF,0205616461,5.0,1369699200\n"
    b"A3JM6GV9MNOF9X,0558925278,3.0,1355443200\n"
    b"A39HTATAQ9V7YF,B00004TMFE,1.0,1370000000\n"
)
APPRECIATES = b"0 01398047 1307583271\n1 01398047 1307583272\n0 00526521 1307583273\n"
REVIEW = {
    "review_id": "KU_O5udG6zpxOg-VcAEodg",
    "user_id": "mh_-eMZ6K5RLWhZyISBhwA",
    "business_id": "XQfwVwDr-v0ZS3_CbbE5Xw",
    "stars": 3.0,
    "useful": 0,
    "funny": 0,
    "cool": 0,
    "text": 'If you decide "to eat here",\n\tbe aware: \u00e9clairs {"date": 1}',
    "date": "2018-07-07 22:09:11",
}
ITEMS = b"1 7873 6846 4585\n2 816\n7 6846 6846\n"
TIMES = b"1 1318896000 1318896000 1328140800\n2 1392422400\n7 5 6\n"

GOWALLA = "loc-gowalla_totalCheckins.txt.gz"
YELP = "yelp_academic_dataset_review.json"


def lines(*reviews):
    return "".join(json.dumps(review) + "\n" for review in reviews).encode()


REVIEWS = lines(REVIEW, {**REVIEW, "user_id": "-", "text": "long " * 9000}, REVIEW)


def parse(parser, folder, contents):
    paths = {name: folder / name for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    return parser(paths)


def columns(frame):
    assert list(frame.columns) == ["user_id", "item_id", "timestamp"]
    assert frame["timestamp"].dtype == "int64"
    assert frame.index.tolist() == list(range(len(frame)))
    return [frame[name].tolist() for name in frame.columns]


def test_movielens_1m(tmp_path):
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
        archive.writestr("ml-1m/ratings.dat", RATINGS_1M)
        archive.writestr("ml-1m/movies.dat", MOVIES_1M)
    frame, items = formats.parse_movielens_1m({"ml-1m.zip": tmp_path / "ml-1m.zip"})
    assert columns(frame) == [
        [1, 1, 2],
        [1193, 661, 1193],
        [978300760, 978302109, 978298413],
    ]
    assert (frame.dtypes == "int64").all()
    assert items.loc[2].tolist() == ["Fant\xf4mas: Act II::III (1913)", "Crime"]
    assert items.loc[661, "genres"] == "Animation|Children's|Musical"


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_gowalla_is_turned_round_so_that_ties_are_in_order(tmp_path, pack):
    frame, items = parse(formats.parse_gowalla, tmp_path, {GOWALLA: pack(CHECK_INS)})
    assert columns(frame) == [
        [1, 0, 0, 0],
        [22847, 316637, 420315, 22847],
        [1233724658, 1287440263, 1287440263, 1287532527],
    ]
    assert (frame.dtypes == "int64").all()
    assert items.empty


def test_amazon_ids_are_text(tmp_path):
    frame, items = parse(formats.parse_amazon, tmp_path, {"ratings_Beauty.csv": AMAZON})
    assert columns(frame) == [
        ["A39HTATAQ9V7YF", "A3JM6GV9MNOF9X", "A39HTATAQ9V7YF"],
        ["0205616461", "0558925278", "B00004TMFE"],
        [1369699200, 1355443200, 1370000000],
    ]
    assert items.empty


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_behance_keeps_the_zeros_of_project_numbers(tmp_path, pack):
    contents = {"Behance_appreciate_1M.gz": pack(APPRECIATES)}
    frame, items = parse(formats.parse_behance, tmp_path, contents)
    assert columns(frame) == [
        ["0", "1", "0"],
        ["01398047", "01398047", "00526521"],
        [1307583271, 1307583272, 1307583273],
    ]
    assert items.empty


@pytest.mark.parametrize(
    ("date", "seconds"), [("2018-07-07 22:09:11", 1531001351), ("2018-07-07", 1530921600)]
)
def test_yelp_takes_three_fields_of_a_review(tmp_path, date, seconds):
    content = REVIEWS.replace(b"2018-07-07 22:09:11", date.encode())
    frame, items = parse(formats.parse_yelp, tmp_path, {YELP: content})
    assert columns(frame) == [
        [REVIEW["user_id"], "-", REVIEW["user_id"]],
        [REVIEW["business_id"]] * 3,
        [seconds] * 3,
    ]
    assert items.empty


def test_sequences(tmp_path):
    contents = {"Beauty_item_org_rank.txt": ITEMS, "Beauty_time_org_rank.txt": TIMES}
    frame, items = parse(formats.parse_sequences, tmp_path, contents)
    assert columns(frame) == [
        [1, 1, 1, 2, 7, 7],
        [7873, 6846, 4585, 816, 6846, 6846],
        [1318896000, 1318896000, 1328140800, 1392422400, 5, 6],
    ]
    assert items.empty


@pytest.mark.parametrize(
    ("items", "times", "message"),
    [
        (ITEMS, TIMES.replace(b"2 1392422400", b"3 1392422400"), "disagree from line 2 on"),
        (ITEMS, TIMES.replace(b"2 1392422400", b"2 1392422400 5"), "disagree from line 2 on"),
        (ITEMS, TIMES.replace(b"2 1392422400\n", b""), "disagree from line 2 on"),
        (ITEMS, TIMES.replace(b"7 5 6\n", b""), "disagree from line 3 on"),
        (ITEMS.replace(b"7 6846 6846\n", b""), TIMES, "disagree from line 3 on"),
        (ITEMS.replace(b"816", b"B816"), TIMES, "item.txt, line 2: '2 B816' is not 'id value"),
        (ITEMS, TIMES.replace(b"7 5", b"7  5"), "time.txt, line 3: '7  5 6' is not"),
        (b"", TIMES, "item.txt cannot be read"),
    ],
)
def test_sequences_that_do_not_match_are_refused(tmp_path, items, times, message):
    contents = {"x_item_.txt": items, "x_time_.txt": times}
    with pytest.raises(InputError, match=message.replace("item.txt", "x_item_.txt")
                       .replace("time.txt", "x_time_.txt")):  # fmt: skip
        parse(formats.parse_sequences, tmp_path, contents)


WRONG_LINES = [
    (formats.parse_gowalla, CHECK_INS.replace(b"\t420315", b"\tbar"), "line 2: .*bar' is not"),
    (formats.parse_gowalla, CHECK_INS.replace(b"\t420315", b""), "line 2: .*is not 'user_id"),
    (formats.parse_gowalla, CHECK_INS.replace(b"\t420315", b"\t"), "line 2"),
    (formats.parse_gowalla, CHECK_INS.replace(b"-10-19T", b"-13-19T"), "line 1: .*timestamp"),
    (formats.parse_gowalla, CHECK_INS.replace(b"27Z", b"27"), "line 1"),
    (formats.parse_gowalla, gzip.compress(CHECK_INS, mtime=0)[:-20], "cannot be read"),
    (formats.parse_gowalla, gzip.compress(CHECK_INS * 99, mtime=0)[:60] + b"no", "cannot be read"),
    (formats.parse_amazon, AMAZON.replace(b",1355443200", b",1355443200.5"), "line 2: 'A3JM6"),
    (formats.parse_amazon, AMAZON.replace(b",3.0", b""), "line 2: .*is not 'user_id,item_id,rat"),
    (formats.parse_amazon, AMAZON.replace(b"0558925278", b""), "line 2"),
    (formats.parse_amazon, b"user,item,rating,timestamp\n" + AMAZON, "line 1: 'user,item"),
    (formats.parse_amazon, AMAZON.replace(b"A3JM6", b"\n\nA\xff"), "cannot be read.*UTF8"),
    (formats.parse_amazon, b"<!DOCTYPE html>\n<title>404</title>\n", "line 1: '<!DOCTYPE html>'"),
    (formats.parse_amazon, b"", "cannot be read"),
    (formats.parse_behance, APPRECIATES.replace(b"1 0139", b"1  0139"), "line 2"),
    (formats.parse_behance, APPRECIATES.replace(b"1 01398047 ", b"1 "), "line 2"),
    (formats.parse_yelp, REVIEWS.replace(b'"-"', b"7"), "line 2: .*is not a review with user_id"),
    (formats.parse_yelp, REVIEWS.replace(b'"-"', b'""'), "line 2"),
    (formats.parse_yelp, REVIEWS.replace(b'"user_id": "-", ', b""), "line 2"),
    (formats.parse_yelp, REVIEWS[:-20], "line 3"),
    (formats.parse_yelp, REVIEWS.replace(b"2018-07-07", b"07.07.2018"), "line 1"),
    (formats.parse_yelp, b"<html>\n", "line 1: '<html>'"),
    (formats.parse_yelp, b"[1]\n", r"line 1: '\[1\]'"),
    (formats.parse_yelp, b"", "cannot be read"),
]


@pytest.mark.parametrize(("parser", "content", "message"), WRONG_LINES)
def test_a_wrong_line_is_named(tmp_path, parser, content, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(parser, tmp_path, {GOWALLA: content})
    assert str(tmp_path / GOWALLA) in str(caught.value)
    assert "Replace it" in str(caught.value)


def test_a_wrong_line_is_named_far_down_a_file_of_many_blocks(tmp_path):
    content = AMAZON * 40_000 + b"A,B,C\n" + AMAZON
    assert len(content) > 3 * 2**20
    with pytest.raises(InputError, match="line 120001: 'A,B,C'"):
        parse(formats.parse_amazon, tmp_path, {"ratings.csv": content})


def test_lines_stay_in_order_in_a_file_of_many_blocks(tmp_path):
    content = b"".join(b"u%d,i,5.0,%d\n" % (row, row) for row in range(200_000))
    assert len(content) > 3 * 2**20
    frame, _ = parse(formats.parse_amazon, tmp_path, {"ratings.csv": content})
    assert frame["timestamp"].tolist() == list(range(200_000))
    assert frame["user_id"].iloc[-1] == "u199999"


@pytest.mark.parametrize(
    ("name", "train", "usable"),
    [
        ("beauty-5core", (18_737, 12_000, 152_324), (1_116, 3_619)),
        ("yelp-2020-5core", (21_464, 18_699, 190_924), (1_736, 6_866)),
    ],
)
def test_split_sizes_of_the_mirrored_sequences(name, train, usable):
    beside = Path(__file__).parents[3] / "shared" / "data"
    mirror = Path(os.environ.get("BTSR_MIRROR") or beside)
    if not (mirror / name).is_dir():
        pytest.skip(f"{name} is not in the mirror")
    data = load_interactions(name, mirror=mirror, progress=False)
    assert len(data.frame) == DATASETS[name].n_interactions
    split = split_interactions(data)
    assert tuple(split.sizes("full").values()) == (*train, usable[1])
    assert tuple(split.sizes("after-cutoff").values()) == (*train, usable[0])
