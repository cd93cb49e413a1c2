"""What moto 5.2.5 does otherwise than AWS, put right: one correction, one name, one row in README.md, one test.

Nothing here adds what AWS doesn't have; that is the admin API's.
"""

# The order of these imports is the order of application.
from . import interface_groups  # noqa: F401
from . import instance_groups  # noqa: F401
from . import attachments  # noqa: F401
from . import termination  # noqa: F401
from . import launching  # noqa: F401
from . import managed_interfaces  # noqa: F401
from . import describing_interfaces  # noqa: F401
from . import security_groups  # noqa: F401
from . import rules  # noqa: F401
from . import tags  # noqa: F401
from . import requests  # noqa: F401
from . import assume_role  # noqa: F401
from . import hub_access  # noqa: F401
from . import findings  # noqa: F401
from . import finding_filters  # noqa: F401
from . import updating_findings  # noqa: F401
from . import action_targets  # noqa: F401
from . import finding_events  # noqa: F401
from . import administrators  # noqa: F401
from . import hub_v2  # noqa: F401
from . import queue_policies  # noqa: F401
from . import event_delivery  # noqa: F401
from . import event_patterns  # noqa: F401
from . import queues  # noqa: F401
from . import receiving  # noqa: F401
from . import stacks  # noqa: F401
from . import stack_resources  # noqa: F401
from . import stack_alarms  # noqa: F401
from .registry import ALL, apply, table

__all__ = ["ALL", "apply", "table"]
