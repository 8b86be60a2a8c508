"""A request -> who asks, and whether they may. Passwords, sessions, API keys, roles, limits, single sign-on.

roles.py      route -> who may; a table
passwords.py  password <-> argon2id hash
tokens.py     sessions and API keys: made, hashed, compared
limits.py     so many requests per second; so many wrong passwords
gate.py       a request's cookie or key -> `Principal`, or a refusal
oidc.py       single sign-on by OpenID Connect
"""
