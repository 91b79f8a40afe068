"""CDS Hooks 2.0: what Cairn would advise while a doctor looks at a patient or writes a prescription."""
