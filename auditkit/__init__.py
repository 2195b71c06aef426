"""auditkit: the gate between generate and train."""
