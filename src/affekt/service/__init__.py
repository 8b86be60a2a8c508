"""Calls in, dashboard and alerts out. The service around `affekt.live`: all I/O, in three processes.

gateway    a carrier's socket -> codec -> shared memory; no model work, so it outlives the engine
engine     shared memory -> hear, judge, feel -> messages
control    messages -> store, live state, deliveries; REST, dashboard
"""
