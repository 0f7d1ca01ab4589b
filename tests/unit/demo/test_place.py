from __future__ import annotations

from pathlib import Path

from deploy.demo.place import GivenUp

LINE = (
    "W1129 14:17:25.123456    4242 dispatcher.go:225] Failed calling webhook, failing open "
    'one.example.com: failed calling webhook "one.example.com": context deadline exceeded\n'
)


def test_a_call_that_was_given_up_is_told_once(tmp_path: Path) -> None:
    log = tmp_path / "kube-apiserver.log"
    log.write_text(LINE)
    given_up = GivenUp(log)
    assert given_up() == ""

    with log.open("a") as more:
        more.write(f"I1129 something else\n{LINE}")

    assert given_up() == (
        'one.example.com: failed calling webhook "one.example.com": context deadline exceeded'
    )
    assert given_up() == ""
