"""The kinds of panels that the dashboards use, each with the options that it always has."""

from typing import Any

from grafana.panels import Colours, Panel, Query

LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
ALL = {"mode": "multi", "sort": "desc"}

GOOD_ABOVE_0: Colours = ((None, "red"), (1, "green"))
BAD_ABOVE_0: Colours = ((None, "green"), (1, "red"))
NEUTRAL: Colours = ((None, "text"),)
YES_NO = {"1": ("yes", "green"), "0": ("no", "red")}


def graph(title: str, description: str, unit: str, *queries: Query, **more: Any) -> Panel:
    """Lines over time."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
    }
    custom |= more.pop("custom", {})
    return Panel(
        "timeseries", title, description, unit, queries,
        options={"legend": LIST, "tooltip": ALL}, custom=custom, **more,
    )  # fmt: skip


def bars(title: str, description: str, unit: str, *queries: Query, **more: Any) -> Panel:
    """Stacked bars over time, for counts within a step."""
    custom = {"drawStyle": "bars", "fillOpacity": 70, "stacking": {"mode": "normal", "group": "A"}}
    return graph(title, description, unit, *queries, custom=custom, least=0, **more)


def number(title: str, description: str, unit: str, *queries: Query, **more: Any) -> Panel:
    """The newest value, large; one a series."""
    options = {
        "colorMode": "background_solid", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": more.pop("text", "value_and_name"), "wideLayout": True,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }  # fmt: skip
    return Panel("stat", title, description, unit, queries, options=options, **more)


def states(title: str, description: str, *queries: Query, **more: Any) -> Panel:
    """A coloured band a series: what was when."""
    options = {
        "legend": LIST, "tooltip": {"mode": "single", "sort": "none"}, "mergeValues": True,
        "rowHeight": 0.8, "showValue": "auto", "alignValue": "left",
    }  # fmt: skip
    custom = {"fillOpacity": 80, "lineWidth": 0}
    return Panel(
        "state-timeline", title, description, "none", queries, options=options, custom=custom, **more
    )


def ranking(title: str, description: str, unit: str, *queries: Query, **more: Any) -> Panel:
    """A bar a series, the newest value."""
    options = {
        "displayMode": "lcd", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }  # fmt: skip
    return Panel("bargauge", title, description, unit, queries, options=options, **more)


def table(title: str, description: str, unit: str, *queries: Query, **more: Any) -> Panel:
    """One line a thing, one column a query.

    `first` is the column that is sorted by; with `-` before it the largest comes first.
    """
    options: dict[str, Any] = {"cellHeight": "sm", "showHeader": True}
    if first := more.pop("first", ""):
        options["sortBy"] = [{"displayName": first.removeprefix("-"), "desc": first.startswith("-")}]
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "minWidth": 80}
    return Panel("table", title, description, unit, queries, options=options, custom=custom, **more)
