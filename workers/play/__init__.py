"""Players: people and places who live a simulated year against a running Cairn, strictly through its public API.

Rule 1: nothing of ours is imported outside this package; the service cannot tell a player from anybody else.
Rule 2: what somebody does is drawn from the seed, who they are and the day, never from this process's memory, so that a
second start goes on where the first ended.
"""
