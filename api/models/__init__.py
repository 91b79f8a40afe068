"""What the API takes and gives, in JSON: closed and frozen; times are UTC with Z, days YYYY-MM-DD."""
