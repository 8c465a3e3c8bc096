"""The local AWS: MiniStack with the few corrections that our workflows need.

``python -m local.emulator`` runs it; ``local.emulator.process.Emulator`` starts it as a child.
"""
