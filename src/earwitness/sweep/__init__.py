"""Clips × scenarios × methods × masks: rows on disk, resumable, on one machine or many."""

from earwitness.experiments.local import do_locally
from earwitness.experiments.ray import do_on_ray
from earwitness.experiments.run import Finished, Pace, run_sweep
from earwitness.experiments.store import Store
from earwitness.experiments.task import Job, Result, Shard, seed_of
from earwitness.studies.pak2025.estimate import Cost, estimate
from earwitness.studies.pak2025.inputs import StudyInputs, read_inputs
from earwitness.studies.pak2025.plan import Pak2025Plan, Scenario, make_plan, read_plan, select
from earwitness.studies.pak2025.worker import Worker

__all__ = ["Cost", "Finished", "Job", "Pace", "Pak2025Plan", "Result", "Scenario", "Shard", "Store", "StudyInputs",
           "Worker", "do_locally", "do_on_ray", "estimate", "make_plan", "read_inputs", "read_plan", "run_sweep",
           "seed_of", "select"]
