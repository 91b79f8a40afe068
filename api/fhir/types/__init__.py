"""One module for each resource type: how it is found, shown and, where it may be, written."""
