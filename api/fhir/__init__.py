"""FHIR R4 (4.0.1) for record systems, at ``/fhir``."""
