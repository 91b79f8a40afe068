"""How records are shown: opened for one page, in the words of the reader's language."""
