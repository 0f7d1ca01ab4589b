"""What we make of YAML, and what kubectl makes of ours."""

from __future__ import annotations

import json
import subprocess

from mattermost_migrate.domain.yaml_reader import parse
from mattermost_migrate.domain.yaml_writer import dump
from mattermost_migrate.testing.tools import Toolbox

#: Texts that some reader or other takes for a number, a date or a truth value.
DOUBTFUL = [
    "y", "Y", "n", "N", "yes", "no", "on", "off", "true", "False", "null", "~", "", "=", "<<",
    "1", "-1", "+1", "01", "0o17", "0O17", "0x1f", "0b1", "1_0", "1.", ".5", "1.5", "1e3", "1E3",
    "1.e3", "1.5e+3", ".5e3", "1:30", "1:30:30.5", "2024-01-01", "2024-01-01T00:00:00Z", ".inf",
    "-.Inf", ".nan", "12e03", "- a", "a: b", "# a", "a #b", "!a", "&a", "*a", "{a}", "[a]", "|",
    ">", "%a", "@a", "`a`", "'a'", '"a"', " a ", "a\nb", "a\n", "\ta", "ü", "🚀", "\u2028", "\x7f",
]  # fmt: skip


def by_kubectl(tools: Toolbox, manifest: str) -> dict[str, str]:
    """The data of a ConfigMap as kubectl understands it; no cluster is asked."""
    program = [
        str(tools.paths["kubectl"]),
        "label",
        "--local",
        "-f",
        "-",
        "seen=true",
        "-o",
        "json",
    ]
    done = subprocess.run(program, input=manifest, capture_output=True, text=True, check=True)  # noqa: S603
    data: dict[str, str] = json.loads(done.stdout)["data"]
    return data


def config_map(data: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def test_kubectl_reads_every_text_that_we_write(tools: Toolbox) -> None:
    data = {text: text for text in DOUBTFUL} | {f"key-{n}": t for n, t in enumerate(DOUBTFUL)}

    assert by_kubectl(tools, dump(config_map(data))) == data


def test_we_read_plain_values_as_kubectl_does(tools: Toolbox) -> None:
    plain = ["yes", "Off", "~", "12", "-1_0", "0x1F", "0777", "1.5", "1.5e3", "1:30", "2024-01-01"]
    manifest = dump(config_map({})).replace("data: {}", "data:") + "".join(
        f"\n  k{number}: {value}" for number, value in enumerate(plain)
    )

    ((ours, _),) = parse(manifest).documents

    assert ours["data"] == by_kubectl(tools, manifest)
