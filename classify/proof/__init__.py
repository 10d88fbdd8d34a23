"""One page that shows a document beside what was read of it, every line linked to its source."""
