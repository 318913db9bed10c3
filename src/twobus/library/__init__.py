"""What a team's library promises to those who use it."""
