"""Moves live Mattermost installations from ClusterInstallation to Mattermost, and back."""
