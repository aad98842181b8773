# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site of what tools/site/gather.py has put together."""

project = "ferro.zfs"
copyright = "the ferro.zfs contributors"
html_title = "ferro.zfs"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
# Headings are linked to as GitHub does.
myst_heading_anchors = 4
# It says of itself when it was made, and then no two builds are equal.
html_last_updated_fmt = None
html_show_sphinx = False
html_static_path: list[str] = []
# Pages of tasks and tables: the names of Ansible's own languages are no concern of the highlighter.
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]
