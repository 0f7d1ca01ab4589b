"""The rules, as pure functions: no clock, no client, no logging, no chance."""
