"""The pure engine: `step(plan, state, event) -> Outcome` and `next_due(plan, state)`."""

from pathways.engine.state import State
from pathways.engine.step import Outcome, next_due, step

__all__ = ["Outcome", "State", "next_due", "step"]
