"""Affekt: hear how it is said."""
