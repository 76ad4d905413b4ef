"""Small charts as SVG: pure functions from a part of the Result to markup.

How text stays readable from 400 px to 1600 px without a script: no chart is scaled. An ``<svg>`` has a fixed
height and the width of its column; marks and labels stand at percentages of the width, so letters and
strokes keep their size. Only curves, which cannot be given in percentages, lie in a nested ``<svg>``
that is stretched along x alone, with strokes that do not scale. Labels outside the plot overflow
into the padding of the element around it.
"""
