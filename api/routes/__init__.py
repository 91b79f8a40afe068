"""REST, one module for each domain; every route is a few lines."""
