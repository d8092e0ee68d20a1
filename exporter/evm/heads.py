"""PURE: how far an endpoint is behind the others of its network."""

from collections.abc import Mapping


def lags(ages: Mapping[str, float]) -> dict[str, float]:
    """Endpoint → seconds that its head is older than the freshest one's.

    `ages` are heads' ages at the moment each endpoint was looked at: they are looked at one after the other,
    and one that was asked nine seconds ago is not nine seconds behind. Leave out endpoints of a wrong chain.
    """
    best = min(ages.values(), default=0.0)
    return {endpoint: age - best for endpoint, age in ages.items()}
