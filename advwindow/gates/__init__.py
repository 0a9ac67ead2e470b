"""Gates: conditions that a run must meet, on confidence bounds, for CI."""

from advwindow.gates.decision import Decision, Finding
from advwindow.gates.judge import judge
from advwindow.gates.junit import junit_xml
from advwindow.gates.paired import Drop, paired_drop
from advwindow.gates.policy import Policy
from advwindow.gates.reading import make_policy, read_policy
from advwindow.gates.summary import markdown
from advwindow.gates.terminal import print_decisions

__all__ = [
    "Decision",
    "Drop",
    "Finding",
    "Policy",
    "judge",
    "junit_xml",
    "make_policy",
    "markdown",
    "paired_drop",
    "print_decisions",
    "read_policy",
]
