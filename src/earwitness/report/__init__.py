"""What a person sees: the page that plays, and the figures."""

from earwitness.report.contents import Prediction, Refusal, Report, Section, WindowPrediction
from earwitness.report.figures import draw_explanation, save_figure
from earwitness.report.folder import write_folder
from earwitness.report.html import render_html, write_html
from earwitness.report.notebook import attribution_html, clip_html, report_html

__all__ = ["Prediction", "Refusal", "Report", "Section", "WindowPrediction", "attribution_html", "clip_html",
           "draw_explanation", "render_html", "report_html", "save_figure", "write_folder", "write_html"]
