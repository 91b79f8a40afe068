"""Pathways as pictures: a year of each tag, and the map of services and decisions."""
