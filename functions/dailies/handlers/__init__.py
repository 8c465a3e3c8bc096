"""Lambda entry points, one per file: parse the event, call one service, answer.

On Lambda, importing any of them builds, in INIT, what each call of that function uses; elsewhere it
builds nothing.
"""

import gc

# INIT makes many objects and next to no garbage: looking for it takes a tenth of a cold start.
gc.disable()

from dailies import bootstrap  # noqa: E402

bootstrap.warm()
gc.enable()
