"""What runs inside a function's own process, and in the warm process such workers are forked from.

Nothing here is imported by the process that holds the account.
"""
