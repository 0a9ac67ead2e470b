"""The audit: sanity checks and indicators that tell whether a robustness number can be believed."""

from advwindow.attacks.audit.catalogue import CheckInfo, codes, explain
from advwindow.attacks.audit.conduct import audit
from advwindow.attacks.audit.findings import Audit, Finding
from advwindow.attacks.audit.findings import Level as AuditLevel

__all__ = ["Audit", "AuditLevel", "CheckInfo", "Finding", "audit", "codes", "explain"]
