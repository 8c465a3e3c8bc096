"""One command that shows all of it: deploy, two jobs with faults, two videos."""
