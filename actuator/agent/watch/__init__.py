"""The watchdog of a host's services: sees a death, starts again within a policy, says when it gives up."""
