"""The status page: what it shows, and that nothing that came from outside becomes markup."""

from typing import Any

from actuator.page import ago, render, templates, utc

NODE = {
    "name": "A", "reach": "answers", "paused": False, "active": True, "head": 7, "peers": 2, "answered_at": 99.0,
    "not_ready_because": [],
}  # fmt: skip
GROUP: dict[str, Any] = {
    "group": "bp", "producer": "ours", "automation": "on", "phase": "steady", "epoch": 4, "holder": "A",
    "latch": None, "holds": [], "scheduled": None, "why": "A is active", "refusals": [], "witnesses": 1,
    "next_window_opens": 130.0, "nodes": [NODE, {**NODE, "name": "B", "active": False, "paused": True}],
}  # fmt: skip
EVIL = "<script>alert(1)</script>"


def page(**changes: Any) -> str:
    seen = {"now": 100.0, "groups": [{**GROUP, **changes}], "incidents": [], "steps": [], "deliveries": []}
    return render(templates(), seen, "n0nce", part=False)


def test_a_healthy_group_says_who_produces_and_when_our_window_opens() -> None:
    shown = page()

    assert "<b>A</b> produces for ours" in shown and "opens in 30 s" in shown
    assert '<span class="good">ready</span>' in shown


def test_trouble_is_in_the_title_and_in_words() -> None:
    shown = page(latch="two were active", holder=None, phase="latched")

    assert "<title>‼ chainwarden</title>" in shown
    assert "latched: two were active" in shown and "nobody is known to produce" in shown
    assert "hand it back to automation" in shown


def test_a_holder_that_is_paused_is_not_said_to_produce() -> None:
    shown = page(nodes=[{**NODE, "active": False, "paused": True}])

    assert "A should produce for ours, but is not seen active" in shown
    assert "</b> produces for" not in shown


def test_what_came_from_outside_never_becomes_markup() -> None:
    hold = {"node": EVIL, "until": 1.0, "by": EVIL, "reason": EVIL}
    shown = page(why=EVIL, group=EVIL, refusals=[{"rule": "x", "why": "no " + EVIL}], holds=[hold])

    assert EVIL not in shown
    assert shown.count("&lt;script&gt;") >= 5


def test_unknown_values_are_dashes_and_spans_have_a_fitting_unit() -> None:
    silent = {**NODE, "head": None, "peers": None, "answered_at": None, "paused": None, "active": False}

    shown = page(nodes=[silent])

    assert ">unknown<" in shown and ">never<" in shown
    assert utc(None) == "-"
    assert [ago(5), ago(700), ago(9000), ago(400_000)] == ["5 s", "12 min", "2 h", "5 d"]
