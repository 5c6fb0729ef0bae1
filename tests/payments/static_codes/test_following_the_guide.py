"""The guide's example runs as it is printed."""

import re
from pathlib import Path

from support.merchant_codes import counter_text

GUIDE = Path(__file__).parents[3] / "docs" / "counter-codes.md"


def test_the_guide_s_example_reads_checks_and_writes():
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"text": counter_text()}
    exec(compile(example, str(GUIDE), "exec"), names)  # noqa: S102 - the guide is ours
    assert names["build"](names["code"]) == names["text"]
    assert names["check"](names["text"]).problems == ()
