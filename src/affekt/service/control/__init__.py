"""REST, live state, dashboard: the process that people and programs talk to."""
