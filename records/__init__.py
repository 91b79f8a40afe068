"""What is stored and how it is read in: tables, repositories, intake."""
