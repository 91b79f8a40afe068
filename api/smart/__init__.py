"""How record systems sign in: SMART Backend Services."""
