"""The enhancement against its peers: `python -m bench.enhance` (`make bench-enhance`).

Every comparison is made in the same run, in turn: one round of each contestant, then the next. The
best round of each counts, as others share the machine. Whoever is measured runs in a process of
its own, with the same clip, the same encoder and preset.
"""
