"""From any table of purchases to the histories that models are fitted to.

`tables` turns a path, a frame or an Ibis table into an Ibis expression; `transactions` reads it as a log, splits it and
counts purchase days; `histories` holds what a model needs to know of each customer; `samples` are published data sets.
"""
