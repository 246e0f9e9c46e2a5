"""What lifetime value is used for: each use a function that returns tables, a list for a CSV file, and what a figure needs.

- `tiers`: who belongs in which value tier, and how sure that is
- `grid`: value by loyalty
- `products`: which products earn money with which tier
- `newcomers`: the most a new customer may cost
- `risk`: value at risk, and whom to win back
- `next_purchase`, `categories`: when the next purchase is due, by customer and by product category
- `letting_go`: who is worth less than nothing, even under the best plan

The strategy to choose is a comparison of plans: `plan.compare()`.
"""
