"""What a page tells somebody to type at night exists: verbs, metrics, alerts, flags, links."""

import functools
import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from control_plane.cli.program import program
from tests.unit.test_docs import metrics

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "operations").glob("*.md")) + sorted((ROOT / "helm").glob("*/README.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
COMMANDS = get_command(program())
OTHERS = {"waggle_app", "waggle_sessions"}
"""A role of the database, and what a recording rule makes."""
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


@functools.cache
def counted() -> frozenset[str]:
    return frozenset(name for name, _ in metrics())


@pytest.mark.parametrize("page", NAMES)
def test_every_command_is_one(page: str) -> None:
    """`waggle VERB [VERB]` and its options, wherever they stand in code."""
    for line in re.findall(r"(?:^\$ |`|-- )waggle ((?:[a-z-]+ ?)+[^`\n#]*)", (ROOT / page).read_text(), re.MULTILINE):
        command, words = COMMANDS, line.split()
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"waggle {line}"
            command = command.commands[words.pop(0)]
        assert not hasattr(command, "commands") or words == [], f"waggle {line}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.split("=")[0] for word in words if word.startswith("--") and word != "--"} <= known | {"--help"}, f"waggle {line}"


@pytest.mark.parametrize("page", NAMES)
def test_every_metric_is_one(page: str) -> None:
    named = {SUFFIXES.sub("", name) for name in re.findall(r"`(waggle_[a-z_]+)", (ROOT / page).read_text())}
    assert not named - OTHERS - counted()


@pytest.mark.parametrize("page", NAMES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_page_for_the_night_has_every_alert_and_no_other() -> None:
    alerts = {alert["name"] for path in ROOT.glob("helm/*/alerts.yaml") for alert in yaml.safe_load(path.read_text())["alerts"]}
    named = set(re.findall(r"`(Waggle[A-Za-z]+)`", (ROOT / "docs" / "operations" / "at-3-am.md").read_text()))
    assert named == alerts
