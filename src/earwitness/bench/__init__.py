"""How long the methods take, beside the packages people use today and beside the bare passes of the network."""

from earwitness.bench.row import BenchRow, Condition, Peer
from earwitness.bench.rows import ROWS, measure_rows
from earwitness.bench.setup import SIZES, Setup

__all__ = ["ROWS", "SIZES", "BenchRow", "Condition", "Peer", "Setup", "measure_rows"]
