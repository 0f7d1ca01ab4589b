"""``helm mattermost-migrate``: what a person runs to plan, start and follow migrations."""
