"""The commands of ``launch.py``: what each takes, what it says of itself, and what it calls.

A command imports what it runs inside its function, so that ``--help`` answers at once.
"""
