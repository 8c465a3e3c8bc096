"""Lambda entry points, one per file: parse the event, call one service, answer.

On Lambda, importing any of them builds, in INIT, what each call of that function uses; elsewhere it
builds nothing.
"""

from dailies import bootstrap

bootstrap.warm()
