"""Coverage-guided fuzzing of the way from TOML to a planned study, with Atheris (the extra `fuzz`).

    python tests/faults/fuzz_protocol.py -atheris_runs=100000 -seed=1 CORPUS

Every text must be loaded or refused by a `ProtocolError` that a terminal can show, within seconds
and bounded memory. Options are libFuzzer's; a text that breaks this is written to ``crash-*``,
``timeout-*`` or ``oom-*`` in the working folder. CORPUS is a folder that starts with the shipped
protocols.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["vggstudy", "tomllib"]):
    from vggstudy.errors import ProtocolError
    from vggstudy.plan import make_plan
    from vggstudy.protocol import Protocol, load_protocol, parse_protocol, shipped_protocols

LONGEST_MESSAGE = 100_000


def one_text(data: bytes) -> None:
    """Load one text as a protocol, and plan it."""
    text = data.decode("utf-8", "replace")
    try:
        protocol = parse_protocol(text)
    except ProtocolError as error:
        message = str(error)
        printable = all(line.isprintable() for line in message.split("\n"))
        if not message or len(message) > LONGEST_MESSAGE or not printable:
            raise AssertionError(message) from error
        return
    plan = make_plan(protocol)
    if len(plan.by_id) != len(plan.runs):
        msg = "two planned runs share an id"
        raise AssertionError(msg)


def one_file(data: bytes) -> None:
    """The same through a file, whose bytes need not be text."""
    path = Path("fuzzed.toml")
    path.write_bytes(data)
    try:
        load_protocol(path)
    except ProtocolError as error:
        if not all(line.isprintable() for line in str(error).split("\n")):
            raise AssertionError(str(error)) from error


def words() -> list[str]:
    """Keys and headers, from which libFuzzer makes new texts."""
    found = set()
    for path in shipped_protocols().values():
        found |= set(re.findall(r"^(\[.*\]|[\w.]+ *= *\S+)", path.read_text("utf-8"), re.MULTILINE))
    for name, field in Protocol.model_fields.items():
        found |= {name, f"[{name}]", *getattr(field.annotation, "model_fields", {})}
    return sorted(word for word in found if word.isascii() and len(word) < 60)


def prepare(corpus: Path) -> Path:
    """Put the shipped protocols into the corpus; returns the dictionary's file."""
    corpus.mkdir(parents=True, exist_ok=True)
    for name, path in shipped_protocols().items():
        if path.stat().st_size < 3000:
            (corpus / f"{name}.toml").write_bytes(path.read_bytes())
    lines = [word.replace("\\", "\\\\").replace('"', '\\"') for word in words()]
    dictionary = corpus.with_name("words.dict")
    dictionary.write_text("".join(f'"{line}"\n' for line in lines))
    return dictionary


def test(data: bytes) -> None:
    """One input: mostly as text, now and then as a file."""
    (one_file if data[:1] == b"#" else one_text)(data)


def main() -> None:
    """Fuzz until the runs that were asked for are done."""
    dictionary = prepare(Path(sys.argv[-1]))
    limits = ["-max_len=3000", "-timeout=30", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, f"-dict={dictionary}", *sys.argv[1:]], test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
