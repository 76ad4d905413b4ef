"""Small charts as SVG: pure functions from a part of the Result to markup.

No chart is scaled, so that text is readable from 400 px to 1600 px without a script. An ``<svg>`` has a fixed
height and the width of its column. Marks and labels are placed at percentages of the width, so letters and
strokes keep their size. Curves cannot be given in percentages; only they are in a nested ``<svg>``, which is
stretched along x, with strokes that do not scale. Labels outside the plot overflow into the padding of the
element around it.
"""
