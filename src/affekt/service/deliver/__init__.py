"""Outbox -> webhooks, Slack, Teams, Alertmanager, mail. What is told of alerts outside.

reach      URL, settings -> the addresses that it may be sent to
net        the one way out, to those addresses only
channels/  ONE FILE = ONE CHANNEL: Delivery -> what a receiver understands
schedule   tries so far -> seconds to the next one
worker     outbox -> channels -> outbox, at least once
"""
