"""Files that call themselves PURE are listed in the layer rules, and the other way round."""

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_that_says_pure_is_held_to_it_and_no_other() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    held = set(rules["importlinter:contract:pure-core"]["source_modules"].split())
    says = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for folder in ("nodekit", "exporter", "actuator")
        for path in (ROOT / folder).rglob("*.py")
        if path.read_text().startswith('"""PURE')
    }

    assert says == held
