"""The parts of the ``cairn`` command."""
