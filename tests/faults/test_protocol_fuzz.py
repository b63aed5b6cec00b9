"""No text makes the way from TOML to a plan raise, hang or grow; coverage guides the search."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vggstudy.errors import ProtocolError
from vggstudy.protocol import parse_protocol

CAMPAIGN_CASES = 100_000
PROGRAM = Path(__file__).with_name("fuzz_protocol.py")

HEAD = 'schema = 1\nname = "{name}"\n[design]\nreplicates = {replicates}\nseed = 1\n'
DATA = '[data]\nname = "digits"\n[model]\ndepth = 11\n'


@pytest.mark.campaign
def test_a_hundred_thousand_texts_are_loaded_or_refused(
    tmp_path: Path, tried: Counter[str]
) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("not installed: atheris (the extra 'fuzz')")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), f"-atheris_runs={CAMPAIGN_CASES}", "-seed=1", "corpus"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = [p.name for p in tmp_path.iterdir() if p.name.startswith(("crash", "timeout", "oom"))]
    assert (done.returncode, broken) == (0, []), done.stderr[-4000:]
    found = re.search(r"Done (\d+) in", done.stderr)
    assert found is not None, done.stderr[-4000:]
    tried["fuzzed protocols"] += int(found[1])


@pytest.mark.parametrize(
    ("factors", "replicates", "size"),
    [
        (3, 1, "1,000,000,000 cells x 1 replicates = 1,000,000,000 runs"),
        (1, 100_000, "1,000 cells x 100,000 replicates = 100,000,000 runs"),
        (6, 1, "about 10^18 cells"),
    ],
)
def test_a_huge_grid_is_refused_with_its_size_at_once(
    factors: int, replicates: int, size: str
) -> None:
    names = ("batch_size", "epochs", "lr", "momentum", "weight_decay", "dropout")[:factors]
    levels = ", ".join(str(level) for level in range(1, 1001))
    axes = "".join(f"{name} = [{levels}]\n" for name in names)
    text = HEAD.format(name="x", replicates=replicates) + f"[design.factors]\n{axes}{DATA}"
    began = time.process_time()
    with pytest.raises(ProtocolError, match=re.escape(size)):
        parse_protocol(text)
    assert time.process_time() - began < 5  # it is counted, not made


@pytest.mark.parametrize(
    "name", ["..", "../up", "/root", "a/b", "a\\\\b", ".hidden", "a\\u0000", "a\\n", "C:x", "", "~"]
)
def test_a_name_that_is_no_folder_s_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match="name"):
        parse_protocol(HEAD.format(name=name, replicates=1) + DATA)


def test_a_refusal_of_any_text_can_be_shown(tried: Counter[str]) -> None:
    """Atheris is not everywhere: here hypothesis puts any text at any place of a protocol."""
    sound = HEAD.format(name="x", replicates=2) + "[design.factors]\nlr = [0.1, 1]\n" + DATA

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def attack(data: Any) -> None:
        at = data.draw(st.integers(0, len(sound)))
        end = data.draw(st.integers(at, min(len(sound), at + 30)))
        text = data.draw(st.text(max_size=30))
        tried["fuzzed protocols"] += 1
        refusal = ""
        try:
            parse_protocol(sound[:at] + text + sound[end:])
        except ProtocolError as error:
            refusal = str(error)
        assert all(line.isprintable() for line in refusal.split("\n"))

    attack()
