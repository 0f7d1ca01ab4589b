"""Manifests with every mistake a person makes: a place for each, and no document hides another."""

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mattermost_migrate.domain.manifests import Manifests, read
from mattermost_migrate.domain.yaml_reader import MAX_DEPTH, parse
from mattermost_migrate.testing import golden

HEAD = "apiVersion: v1\nkind: ConfigMap\n"


def value_of(text: str) -> Any:
    """What a single YAML value reads as."""
    parsed = parse(f"x: {text}")
    assert parsed.misread == []
    return parsed.documents[0][0]["x"]


def faults_of(text: str | bytes) -> list[str]:
    return [str(fault) for fault in read([("f.yaml", text)]).faults]


def objects_of(manifests: Manifests) -> list[Any]:
    assert manifests.faults == ()
    return [document.obj for document in manifests.documents]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("n", "n"),
        ("12", 12),
        ("-1_000", -1000),
        ("0x1F", 31),
        ("0777", 511),
        ("0o17", 15),
        ("0b11", 3),
        ("089", "089"),
        ("1.5", 1.5),
        ("1.5e3", 1500.0),
        ("1e3", "1e3"),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("500m", "500m"),
        ('"12"', "12"),
        ("'yes'", "yes"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!binary aGk=", "hi"),
        ("=", "="),
        ("|\n  a\n  ---b\n", "a\n---b\n"),
        ("{}", {}),
        ("[]", []),
        ("'🚀'", "🚀"),
    ],
)
def test_a_plain_value_means_what_kubernetes_makes_of_it(text: str, value: Any) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def test_a_key_is_its_text() -> None:
    parsed = parse("{1: a, on: b, 1.50: c, '': d}")

    assert parsed.documents[0][0] == {"1": "a", "on": "b", "1.50": "c", "": "d"}


def test_anchors_and_merges_are_resolved() -> None:
    text = """
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one: {<<: *base, b: 5}
two: {b: 6, <<: [*base, *more]}
again: [*base, *base]
"""

    value = parse(text).documents[0][0]

    assert value["one"] == {"a": 1, "b": 5}
    assert value["two"] == {"a": 1, "b": 6, "c": 4}
    assert value["again"] == [{"a": 1, "b": 2}] * 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a: b\n  c: d\n", "f.yaml:2:4", id="indentation"),
        pytest.param("a: [1,\nb: 2\n", "f.yaml:3:1", id="an open bracket"),
        pytest.param("a: 1\nb: 2\na: 3\n", "f.yaml:3:1", id="a repeated key"),
        pytest.param('{"a": 1,\n "a": 2}', "f.yaml:2:2", id="a repeated key in JSON"),
        pytest.param("a: {b: {c: 1, c: 2}}", "f.yaml:1:15", id="a repeated key further in"),
        pytest.param("a: *b", "f.yaml:1:4", id="an alias of nothing"),
        pytest.param("a: &a [*a]", "f.yaml:1:8", id="an alias of itself"),
        pytest.param("a: .inf", "f.yaml:1:4", id="infinity"),
        pytest.param("a: 1.0e999", "f.yaml:1:4", id="as good as infinity"),
        pytest.param("a: !!python/name:os.system x", "f.yaml:1:4", id="a tag"),
        pytest.param("? [a]\n: b", "f.yaml:1:3", id="a list as a key"),
        pytest.param("a: {<<: 1}", "f.yaml:1:9", id="a merge of a number"),
        pytest.param("a: \x07", "f.yaml:1:4", id="a control character"),
        pytest.param("a: " + "[" * (MAX_DEPTH + 1), f"f.yaml:1:{MAX_DEPTH + 3}", id="depth"),
        pytest.param("a: " + "9" * 5000, "f.yaml:1:4", id="a number of 5000 digits"),
        pytest.param(b"a: 1\nb: \xff", "f.yaml:2:4", id="other than UTF-8"),
        pytest.param("- a", "f.yaml:1:1", id="a list"),
        pytest.param("text", "f.yaml:1:1", id="a text"),
        pytest.param("\n\nkind: X", "f.yaml:3:1", id="no apiVersion"),
        pytest.param("apiVersion: v1\nkind: 3", "f.yaml:1:1", id="a kind that is a number"),
        pytest.param(HEAD + "metadata: x", "f.yaml:1:1", id="metadata that is a text"),
        pytest.param(HEAD + "metadata: {name: 3}", "f.yaml:1:1", id="a name that is a number"),
    ],
)
def test_a_mistake_has_a_place(text: str | bytes, place: str) -> None:
    (fault,) = faults_of(text)

    assert fault.startswith(f"{place}: ")


def test_json_is_as_deep_as_yaml() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH

    assert faults_of('{"a": ' + deep + "}") == [
        f"f.yaml:1:{MAX_DEPTH + 6}: is nested more than {MAX_DEPTH} deep"
    ]
    assert faults_of(deep) == ["f.yaml:1:1: is no object of Kubernetes: it has no fields"]


def test_a_fault_says_what_is_wrong() -> None:
    assert faults_of("a: b\n  c: d") == [
        "f.yaml:2:4: mapping values are not allowed in this context"
    ]


def test_aliases_cannot_blow_up() -> None:
    doubling = "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))

    began = time.perf_counter()
    (fault,) = faults_of("a0: &a0 [x]\n" + doubling)

    assert "aliases" in fault
    assert time.perf_counter() - began < 5


def test_all_faults_of_all_documents_come_at_once() -> None:
    text = f"""---
a: b
  c: d
---
{HEAD}x: 1
x: 2
x: 3
---
{HEAD}metadata: {{name: good}}
--- # nothing here
---
- 1
"""

    manifests = read([("a.yaml", text), ("b.json", "{")])

    assert [str(fault).split(": ")[0] for fault in manifests.faults] == [
        "a.yaml:3:4",
        "a.yaml:8:1",
        "a.yaml:9:1",
        "a.yaml:16:1",
        "b.json:2:1",
    ]
    assert [str(document) for document in manifests.documents] == ["a.yaml:11: ConfigMap good"]


def test_lists_are_their_items() -> None:
    text = json.dumps(
        [
            {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "A"}]},
            {"apiVersion": "g/v1", "kind": "ThingList", "items": [{"metadata": {"name": "t"}}]},
        ]
    )[1:-1].replace('}]}, {"api', '}]}\n{"api')

    assert objects_of(read([("l.json", text)])) == [
        {"apiVersion": "v1", "kind": "A"},
        {"apiVersion": "g/v1", "kind": "Thing", "metadata": {"name": "t"}},
    ]


def test_an_item_that_is_no_object_is_a_fault() -> None:
    assert faults_of("{apiVersion: v1, kind: List, items: [5]}") == [
        "f.yaml:1:1: is no object of Kubernetes: it has no fields"
    ]


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n---\n...\n", "%YAML 1.1\n---\n", "null"])
def test_nothing_is_nothing(text: str) -> None:
    assert objects_of(read([("f.yaml", text)])) == []


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    text = b"\xef\xbb\xbf---\r\napiVersion: v1\r\nkind: A\r\n---\r\napiVersion: v1\r\nkind: B\r\n"

    assert [obj["kind"] for obj in objects_of(read([("f.yaml", text)]))] == ["A", "B"]


def test_json_values_may_follow_one_another() -> None:
    one = json.dumps({"apiVersion": "v1", "kind": "A", "x": "}\n{"})
    manifests = read([("f.json", f"{one}{one}\n\n{one}")])

    assert len(objects_of(manifests)) == 3
    assert [document.line for document in manifests.documents] == [1, 1, 3]


def test_json_that_is_broken_further_on_keeps_what_was_before() -> None:
    manifests = read([("f.json", '{"apiVersion":"v1","kind":"A"}\n{"kind": 1, "kind": 2}')])

    assert [document.kind for document in manifests.documents] == ["A"]
    assert [str(fault) for fault in manifests.faults] == ["f.json:2:13: key 'kind' is repeated"]


def test_recorded_objects_read_the_same_from_json_and_yaml() -> None:
    objects = [
        entry["object"]
        for case in golden.cases()[::10]
        for entry in case.output.get("childrenV1beta1", ())
    ]
    as_json = "\n---\n".join(json.dumps(obj, indent=1) for obj in objects)
    as_yaml = yaml.dump_all(objects, Dumper=yaml.CSafeDumper, allow_unicode=True)

    assert objects_of(read([("a.json", as_json)])) == objects
    assert objects_of(read([("a.yaml", as_yaml)])) == objects


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_ten_megabytes_are_read_in_seconds(form: str) -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "large"},
        "data": {f"key-{number}": "v" * 50 for number in range(160_000)},
    }
    text = json.dumps(obj) if form == "json" else yaml.dump(obj, Dumper=yaml.CSafeDumper)
    assert len(text) > 9_500_000

    # Of the processor: on a busy machine the clock tells of others' work.
    began = time.process_time()
    (document,) = read([("large", text)]).documents

    assert document.obj == obj
    assert time.process_time() - began < 20


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200) | st.text(st.sampled_from("a:-{}[]&*!|>'\"# \n\t,?%<0~"), max_size=60)
)
def test_nothing_crashes_the_reader(content: str | bytes) -> None:
    manifests = read([("f", content)])

    assert all(fault.field.startswith("f:") and fault.message for fault in manifests.faults)
