"""Pushing what changed for a place to whoever asked for it: signed, in order, for as long as it takes."""
