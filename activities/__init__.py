"""The outside world: take_step, messages, referrals, refills; each one idempotent by key."""
