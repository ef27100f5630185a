"""How good a restoration is: what to measure, on which pages, against which simple filters.

data         the pages of a folder: scan, truth, text
frozen       a validation set that is made, not stored
baselines    what a user could do in one line
similarity · colour · ink · text     one measure each
score        all measures of a page, rows of the table
table        rows as text and as JSON
"""
