"""Seeing how an installation fares: logs, metrics, traces, readiness. What activities, api and workers may use.

Rule 1: what is seen is counts, durations, codes and opaque ids; a name, number, reading or text of a person never is.
Rule 2: seeing is handed in like every other part; a part that is handed nothing sees for itself alone, and costs next to nothing.
Rule 3: records and pathways know nothing of it.
"""

from activities.seeing.metrics import Metrics
from activities.seeing.seeing import Seeing
from activities.seeing.traces import Traces

__all__ = ["Metrics", "Seeing", "Traces"]
