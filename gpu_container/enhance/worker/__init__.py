"""A worker: pulls tasks from a queue, one at a time, on any machine, with or without a GPU.

It knows the queue and two functions. Whatever a task reads and writes comes to it as signed URLs
with its lease, and the media are decoded in a child process that is given no credentials.
"""
