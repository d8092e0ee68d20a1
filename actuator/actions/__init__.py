"""What the actuator can do. Each module has NAME and DELIVERY; add yours to ACTIONS, one line."""

from types import ModuleType

from actuator.actions import failover, production, recover

ACTIONS: tuple[ModuleType, ...] = (production, failover, recover)
