"""What an uploaded file holds: its rows read by libraries, each distinct cell checked once."""
