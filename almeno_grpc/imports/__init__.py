"""Files on their way into the book: readers, row checks and the background worker."""
