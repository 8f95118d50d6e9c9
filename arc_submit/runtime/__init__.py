"""How a run uses its time and its processes: budget, scheduler, workers, coordinator, journal.

`budget`, `events` and `scheduler` are pure: events in, commands out, time arrives inside events.
The coordinator does the input and output around them.
"""
