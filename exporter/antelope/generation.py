"""PURE: which generation of nodeos a version string belongs to."""

import re
from typing import Literal

Generation = Literal["eosio", "leap", "spring", ""]

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def generation(version: str) -> Generation:
    """Of `server_version_string`: EOSIO v1.8 to v2.x, Leap v3 to v5, Spring v1.0 to v1.7; empty when unknown.

    Spring began to count at 1 again (AntelopeIO/spring releases); EOSIO before 1.8 is not supported.
    """
    found = _VERSION.match(version)
    if found is None:
        return ""
    major, minor = int(found[1]), int(found[2])
    if major == 1:
        return "spring" if minor < 8 else "eosio"
    return {2: "eosio", 3: "leap", 4: "leap", 5: "leap"}.get(major, "")  # type: ignore[return-value]
