"""Temporal workflows: waiting and order, nothing else. They import nothing of ours but their own contract."""
