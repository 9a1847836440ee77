"""Money: what happened in the account, priced with the dated, sourced table `data/prices.toml`.

`services/NAME.py` turns the trace and the life spans of resources into usage, one module per service, all with
one function `usage(period)`. `prices` reads the table, `meter` puts the two together, `compute` answers what an hour
of a Fargate task or an instance costs. Nothing here is loaded when a lab opens.
"""
