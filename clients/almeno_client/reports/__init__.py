"""The portfolio summary and the result of a simulation: as tables of text, and as pages of HTML with plots.

Only the modules named `…_page` and `plots` need the plotting library, and load slowly; the tables do without.
"""
