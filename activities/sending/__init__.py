"""Sending a text: which channel, what follows from its answer, and what its provider says later."""
