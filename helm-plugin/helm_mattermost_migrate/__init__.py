"""`helm mattermost-migrate`: plan, run and watch migrations."""
