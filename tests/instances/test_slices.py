import json
from dataclasses import replace

import pandas
import pytest

from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.instances.row_checks import HARNESS
from contexttune.instances.slices import load
from contexttune.types import Instance

SHA = "0123456789abcdef0123456789abcdef01234567"


def row(number: int, repo: str = "a/b") -> dict:
    return {
        "instance_id": f"{repo.replace('/', '__')}-{number}",
        "repo": repo,
        "base_commit": SHA,
        "problem_statement": f"it breaks\r\nin {number}",
        "patch": "gold",
        "test_patch": "tests",
        "version": "1.0",
        "FAIL_TO_PASS": ["t1"],
        "PASS_TO_PASS": "[]",
        "image": "img",
        "eval_script": "true",
        "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
    }


ROWS = [row(n) for n in (3, 1, 2)] + [row(n, "c/d") for n in (7, 5)]


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    return SliceConfig(dataset=str(path))


def ids(config: SliceConfig) -> list[str]:
    return [instance.instance_id for instance in load(config)]


def test_all_rows_in_the_order_of_the_dataset(dataset):
    assert ids(dataset) == ["a__b-3", "a__b-1", "a__b-2", "c__d-7", "c__d-5"]


def test_selections_combine(dataset, tmp_path):
    (tmp_path / "ids.txt").write_text("# mine\na__b-1\n\nc__d-7\n")
    assert ids(replace(dataset, repos=["c/d"])) == ["c__d-7", "c__d-5"]
    assert ids(replace(dataset, filter=r".*-[12]")) == ["a__b-1", "a__b-2"]
    assert ids(replace(dataset, instance_ids=["a__b-3"], ids_file=str(tmp_path / "ids.txt"))) == [
        *("a__b-3", "a__b-1", "c__d-7"),
    ]
    assert ids(replace(dataset, limit=2)) == ["a__b-3", "a__b-1"]


def test_shards_are_disjoint_and_complete(dataset):
    shards = [ids(replace(dataset, shard_index=i, shard_count=3)) for i in range(3)]
    assert sorted(name for shard in shards for name in shard) == sorted(ids(dataset))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instance_ids": ["a__b-1", "a__b-99"]}, "a__b-99 not in"),
        ({"instance_ids": ["a__b-1", "a__b-1"]}, "a__b-1 more than once"),
        ({"filter": "a__b"}, "slice is empty"),
        ({"filter": "("}, "not a regular expression"),
        ({"repos": ["a/b", "no/ne"]}, "no/ne"),
        ({"ids_file": "absent.txt"}, "slice.ids_file=absent.txt"),
        ({"dataset": "absent.jsonl"}, "no such file"),
        ({"dataset": None}, "slice.dataset is not set"),
        ({"dataset": "../not a hub name"}, "no such file"),
        ({"limit": 1, "shard_index": 1, "shard_count": 2}, "slice is empty"),
    ],
)
def test_a_selection_that_cannot_be_is_one_sentence(dataset, change, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load(replace(dataset, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"limit": 0}, {"shard_index": 2, "shard_count": 2}, {"shard_index": -1}])
def test_a_number_out_of_range_is_refused(values):
    with pytest.raises(ConfigError, match=r"slice\."):
        SliceConfig(**values)


def test_contexts_need_no_column_of_the_harness(tmp_path):
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps({k: v for k, v in row(1).items() if k not in HARNESS}))
    (instance,) = load(SliceConfig(dataset=str(path)))
    assert (instance.image, instance.version) == ("", "")


def test_a_row_that_is_not_selected_may_be_odd(tmp_path):
    path = tmp_path / "rows.jsonl"
    odd = [row(2) | {"patch": None}, row(3) | {"base_commit": "HEAD"}, {"instance_id": "a__b-4"}]
    path.write_text("".join(json.dumps(each) + "\n" for each in (row(1), *odd)))
    assert ids(SliceConfig(dataset=str(path), limit=1)) == ["a__b-1"]
    assert ids(SliceConfig(dataset=str(path), instance_ids=["a__b-1"], repos=["a/b"])) == ["a__b-1"]
    for name, column in (("a__b-2", "patch"), ("a__b-3", "base_commit"), ("a__b-4", "repo")):
        with pytest.raises(ConfigError, match=column):
            load(SliceConfig(dataset=str(path), instance_ids=[name]))


def test_what_is_no_number_is_null_at_any_depth(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row(1) | {"created_at": float("nan"), "meta": {"x": [float("nan"), 1.0]}}))
    (instance,) = load(SliceConfig(dataset=str(path)))
    assert (instance.row["created_at"], instance.row["meta"]) == (None, {"x": [None, 1.0]})


def test_a_snapshot_from_the_hub_is_read_by_split(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("---\nconfigs: []\n---\n")
    for number in (1, 2):
        name = f"test-{number - 1:05}-of-00002.parquet"
        pandas.DataFrame([row(number)]).to_parquet(tmp_path / "data" / name)
    pandas.DataFrame([row(9)]).to_parquet(tmp_path / "data" / "dev-00000-of-00001.parquet")
    assert ids(SliceConfig(dataset=str(tmp_path))) == ["a__b-1", "a__b-2"]
    with pytest.raises(ConfigError, match="split train"):
        load(SliceConfig(dataset=str(tmp_path), split="train"))


@pytest.mark.parametrize(
    "change", [{"instance_id": "../../etc"}, {"base_commit": "--upload-pack=x"}, {"repo": "a/b/../../c"}]
)
def test_a_row_cannot_name_a_path_or_an_option(tmp_path, change):
    path = tmp_path / "hostile.jsonl"
    path.write_text(json.dumps(row(1) | change))
    with pytest.raises(ConfigError, match="must match"):
        load(SliceConfig(dataset=str(path)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instance_id": "a" * 201}, "at most 200 bytes"),
        ({"instance_id": "preds.jsonl"}, "must match"),
        ({"instance_id": 5}, "must be text"),
        ({"repo": "a" * 150 + "/" + "b" * 150}, "at most 200 bytes"),
        ({"base_commit": int("1" * 40)}, "must be text"),
        ({"problem_statement": None}, "problem_statement of 'a__b-1' must be text"),
        ({"patch": None}, "patch of 'a__b-1' must be text"),
    ],
)
def test_a_row_with_which_a_run_would_break_off_is_refused_before(tmp_path, change, words):
    path = tmp_path / "hostile.jsonl"
    path.write_text(json.dumps(row(1) | change))
    with pytest.raises(ConfigError, match=words):
        load(SliceConfig(dataset=str(path)))


def test_a_row_that_is_no_object_is_refused(tmp_path):
    path = tmp_path / "hostile.jsonl"
    path.write_text("5\n")
    with pytest.raises(ConfigError, match="must be an object"):
        load(SliceConfig(dataset=str(path)))


def test_a_row_can_be_written_for_the_harness_whatever_its_other_columns_hold(tmp_path):
    """The harness gets it as JSON when inference is over and paid for."""
    odd = pandas.DataFrame(
        [row(1) | {"stars": 5.0, "at": "2024-01-02"}, row(2) | {"stars": None, "at": None}]
    )
    odd["at"] = pandas.to_datetime(odd["at"])
    odd.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text(json.dumps(row(1) | {"stars": float("nan"), "test_patch": None}))
    first, second = load(SliceConfig(dataset=str(tmp_path / "rows.parquet")))
    assert (first.row["stars"], first.row["at"]) == (5.0, "2024-01-02T00:00:00")
    assert second.row["stars"] is None
    (other,) = load(SliceConfig(dataset=str(tmp_path / "rows.jsonl")))
    assert (other.row["stars"], other.test_patch) == (None, "")
    odd = pandas.DataFrame([row(1) | {"blob": b"bytes"}])
    odd.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        load(SliceConfig(dataset=str(tmp_path / "rows.parquet")))


def test_a_dataset_with_an_id_twice_is_refused(tmp_path):
    path = tmp_path / "twice.jsonl"
    path.write_text(f"{json.dumps(row(1))}\n{json.dumps(row(1))}\n")
    with pytest.raises(ConfigError, match="more than once"):
        load(SliceConfig(dataset=str(path)))


def test_every_form_of_a_dataset_gives_the_same_instances(dataset, tmp_path):
    from datasets import Dataset, DatasetDict

    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "rows.parquet")
    uniform = [r | {"FAIL_TO_PASS": json.dumps(r["FAIL_TO_PASS"])} for r in ROWS]
    DatasetDict({"test": Dataset.from_list(uniform)}).save_to_disk(tmp_path / "saved")
    expected = [i.public() for i in load(dataset)]
    for name in ("rows.json", "rows.parquet", "saved"):
        assert [i.public() for i in load(SliceConfig(dataset=str(tmp_path / name)))] == expected, name


def test_the_public_side_of_an_instance_has_no_gold_field(dataset):
    public = load(dataset)[0].public()
    assert type(public) is Instance
    assert "gold" not in repr(public)
    assert public.problem_statement == "it breaks\r\nin 3"


def test_the_bundled_task_repo_is_a_dataset():
    instances = load(SliceConfig(dataset="package://contexttune/demo"))
    assert len(instances) == 6
    assert all(i.patch.startswith("diff --git") for i in instances)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.json", b"3", "cannot be read"),
        ("rows.json", b"null", "cannot be read"),
        ("rows.json", b"[1, 2]", "must be an object"),
        ("rows.json", b'{"a": 1}', "must be an object"),
        ("rows.jsonl", b"1\n2\n", "must be an object"),
        ("rows.jsonl", b"\xff\xfe", "cannot be read"),
        ("rows.csv", b"instance_id\n", r"must be a \.jsonl, \.json or \.parquet file"),
    ],
)
def test_a_file_that_holds_no_rows_is_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"slice\.dataset=.*{words}"):
        load(SliceConfig(dataset=str(tmp_path / name)))


def test_ids_may_come_from_an_editor_on_windows_but_not_from_a_binary(dataset, tmp_path):
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbfa__b-1\r\n")
    assert ids(replace(dataset, ids_file=str(tmp_path / "ids.txt"))) == ["a__b-1"]
    (tmp_path / "ids.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"slice\.ids_file=.* cannot be read"):
        load(replace(dataset, ids_file=str(tmp_path / "ids.txt")))
