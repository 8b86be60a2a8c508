"""One file = one resource: each has `router`, and `affekt.service.control.app` puts them together."""
