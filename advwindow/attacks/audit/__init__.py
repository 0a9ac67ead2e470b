"""The audit: sanity checks and indicators that tell whether a robustness number can be believed."""

from advwindow.attacks.audit.catalogue import CheckInfo, codes, explain
from advwindow.attacks.audit.conduct import audit
from advwindow.attacks.audit.findings import Audit, Finding
from advwindow.attacks.audit.findings import Level as AuditLevel
from advwindow.attacks.audit.trial import SINGLE_STEP, Trial

__all__ = ["SINGLE_STEP", "Audit", "AuditLevel", "CheckInfo", "Finding", "Trial", "audit", "codes", "explain"]
