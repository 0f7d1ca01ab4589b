"""The webhook server: validates both kinds and guards edits while a migration runs."""
