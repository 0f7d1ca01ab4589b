"""``make picture``: runs ``make demo`` on a terminal, and draws what stood there in between.

The picture in the README is what a person sees of a real run: not one character of it is made up.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

__all__ = ["PICTURE", "drawn", "moment", "shown"]

ROOT: Final = Path(__file__).parents[2]
PICTURE: Final = ROOT / "docs" / "images" / "run.svg"
#: What is typed, as the demo shows it; before it stands what it does in other sections.
COMMAND: Final = "helm mattermost-migrate run --all --yes"
_WIDTH: Final = 110
_HEIGHT: Final = 36
_HIDES_CURSOR: Final = "\x1b[?25l"
#: Up and away with what was drawn before: so begins each look but the first.
_REDRAWN: Final = re.compile(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")
_CODES: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_THROUGH: Final = re.compile(r"(\d+)/(\d+)\s+\d+%")
#: A file that is shown in a README asks no network for its letters.
_FONTS: Final = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def moment(recorded: str) -> str:
    """What stood on the screen of a run when about half was through, with its colours.

    Args:
        recorded: everything that was written to the terminal.

    Raises:
        ValueError: there was no run, or it drew nothing.
    """
    _, found, run = recorded.partition(COMMAND)
    before, drew, live = run.partition(_HIDES_CURSOR)
    looks = sorted(_looks(live), key=lambda each: abs(each[0] - 0.5))
    if not (found and drew and looks):
        raise ValueError("the run drew nothing")
    return f"$ {COMMAND}{before.rstrip()}\r\n\r\n{looks[0][1].rstrip()}"


def _looks(live: str) -> Iterator[tuple[float, str]]:
    """What was drawn, and the share that was through by then."""
    for look in _REDRAWN.split(live):
        if (found := _THROUGH.search(_CODES.sub("", look))) and int(found[2]):
            yield int(found[1]) / int(found[2]), look


def drawn(text: str, *, title: str, width: int = _WIDTH) -> str:
    """A terminal with this text in it, as SVG."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        for line in text.split("\n"):
            # What is counted in one line stands there only until it is written over.
            last = line.rstrip("\r").rpartition("\r")[2]
            console.print(Text.from_ansi(last, no_wrap=True), crop=True)
        return _FONTS.sub("", console.export_svg(title=title))


def shown(command: list[str], *, width: int = _WIDTH, height: int = _HEIGHT) -> tuple[int, str]:
    """Run a command on a terminal of its own; gives its exit code and what it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_OF_A_TERMINAL}
    environment = {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    ) as process:
        os.close(theirs)
        written = b"".join(_read(ours))
    os.close(ours)
    return process.returncode, written.decode(errors="replace")


_NOT_OF_A_TERMINAL: Final = frozenset({"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"})


def _read(terminal: int) -> Iterator[bytes]:
    """Everything until the other side is closed, which Linux tells as an error."""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return
        if not data:
            return
        yield data


def main() -> int:
    """Run the demo and write the picture; returns the demo's exit code."""
    code, recorded = shown([sys.executable, "-m", "deploy.demo", *sys.argv[1:]])
    if code:
        print(_CODES.sub("", recorded), file=sys.stderr)
        return code
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(moment(recorded), title="make demo"))
    print(f"written: {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
