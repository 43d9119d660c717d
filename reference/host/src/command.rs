//! What `hiatus` does, one file for each command: arguments, `run`, exit status.
