"""What a test says about a told story."""

from actuator.failover.state import NoticeKind
from tests.sim.group import Group
from tests.sim.stories import Story


def kept(story: Story) -> Group:
    """The told story, when no promise was broken in it; otherwise the story in words."""
    group = story.tell()
    if group.record.broken:
        again = story.tell(talk=True)
        lines = "\n".join(again.record.lines)
        raise AssertionError(f"{'; '.join(group.record.broken)}\n{story}\n{lines}")
    return group


def told(group: Group, kind: NoticeKind) -> bool:
    """Whether operators got such a message."""
    return any(notice.kind is kind for notice in group.ledger.notices.values())
