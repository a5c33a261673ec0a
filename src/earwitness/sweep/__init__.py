"""Clips × scenarios × methods × masks: rows on disk, resumable, on one machine or many."""

from earwitness.sweep.estimate import Cost, estimate
from earwitness.sweep.jobs import Job, Result, Shard, seed_of
from earwitness.sweep.local import do_locally
from earwitness.sweep.on_ray import do_on_ray
from earwitness.sweep.plan import Plan, Scenario, make_plan, read_plan, select
from earwitness.sweep.prepare import Prepared, prepare
from earwitness.sweep.running import Finished, Pace, run_sweep
from earwitness.sweep.store import Store
from earwitness.sweep.worker import Worker

__all__ = ["Cost", "Finished", "Job", "Pace", "Plan", "Prepared", "Result", "Scenario", "Shard", "Store", "Worker",
           "do_locally", "do_on_ray", "estimate", "make_plan", "prepare", "read_plan", "run_sweep", "seed_of", "select"]
