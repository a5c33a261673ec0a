"""What a person sees: the page that plays, and the figures."""

from earwitness.report.contents import Moment, Prediction, Refusal, Report, Section
from earwitness.report.figures import draw_explanation, save_figure
from earwitness.report.html import render_html, write_html

__all__ = ["Moment", "Prediction", "Refusal", "Report", "Section", "draw_explanation", "render_html", "save_figure",
           "write_html"]
