"""Where the next unit of money goes: actions, plans and their frontier."""
