"""What would come of it: the engine run ahead of time, on what is known of one patient or of many."""
