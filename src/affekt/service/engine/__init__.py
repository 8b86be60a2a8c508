"""Shared memory -> moods and alerts of all calls. The process that does the model's work; it may die and begin anew.

- `call`      records of one call -> ticks; what was heard and judged -> messages, in order
- `schedule`  windows of all calls -> the next to be judged: earliest deadline first, one waiting per speaker
- `judge`     the model, in a thread of its own
- `load`      how busy -> how much is done, level by level
- `engine`    the loop
"""
