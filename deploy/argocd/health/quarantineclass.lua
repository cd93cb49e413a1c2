-- Argo CD's health of a QuarantineClass: it is policy, in force as soon as it is there. What can't be done under it stands on the
-- Quarantines that use it.
return { status = "Healthy", message = "In force." }
