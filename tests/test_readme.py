"""The example in the README prints what the README says it prints."""

import re
from textwrap import dedent

from conftest import CHECKOUT


def test_the_example_of_the_doctor_prints_what_is_shown(capsys) -> None:
    page = (CHECKOUT / "README.md").read_text()
    [(code, printed)] = re.findall(r"\n(    import numpy.*?)\nIt prints:\n(.*?)\nIt goes by", page, re.DOTALL)
    exec(compile(dedent(code), "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == dedent(printed).strip()
