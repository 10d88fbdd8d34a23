"""Keeping: backups, retention, and what a person may ask of us.

    backup.py      a copy of database and keys while everything runs; putting it back
    retention.py   what is kept longer than [retention] says is emptied or deleted
    person.py      everything of one address: given out, or erased, copies included
    deletion.py    a message with all that hangs on it, deleted in one transaction

Each takes the configuration and a `Database`; postroom/cli/keep.py gives them to the operator.
"""
