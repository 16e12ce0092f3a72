"""Plots as SVG."""

import re
import sys
from collections.abc import Mapping, Sequence

import pygal
from pygal.style import CleanStyle

# It hooks itself into all imports, in a way that Python has dropped and warns of.
sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "pygal"]

_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


def plot(
    title: str, lines: Mapping[str, Sequence[tuple[float, float]]], below: str = "seconds"
) -> str:
    """Return `lines`, each of points from left to right, as a picture that needs nothing else."""
    chart = pygal.XY(
        js=(),
        style=CleanStyle,
        show_dots=False,
        height=360,
        width=640,
        include_x_axis=True,
        x_title=below,
        title=title,
        show_legend=len(lines) > 1,
        legend_at_bottom=True,
        value_formatter="{:,.1f}".format,
        x_value_formatter="{:g}".format,
    )
    for name, points in lines.items():
        chart.add(name, list(points))
    svg: str = chart.render(is_unicode=True, disable_xml_declaration=True)
    # It carries its settings along for a program that is not there.
    return _SCRIPT.sub("", svg)
