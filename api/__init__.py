"""The API: REST routes and the console's pages, over records and activities."""
