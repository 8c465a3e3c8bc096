"""Deploy a stage: check the account, say what comes and what it costs, deploy, try it.

`python -m tools.deploy --stage dev`; `docs/deploying.md` explains it.
"""
