"""One command that shows all of it: deploy, three jobs, two of them with faults, their videos."""
