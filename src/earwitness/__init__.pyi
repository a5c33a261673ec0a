# The front door: the one list of what ``earwitness.NAME`` is. __init__.py reads it; each name is imported when it is
# first asked for, so that the command line answers at once.
from . import (
    app as app,
)
from . import (
    audio as audio,
)
from . import (
    bench as bench,
)
from . import (
    checks as checks,
)
from . import (
    core as core,
)
from . import (
    datasets as datasets,
)
from . import (
    experiments as experiments,
)
from . import (
    frontends as frontends,
)
from . import (
    listening as listening,
)
from . import (
    masks as masks,
)
from . import (
    methods as methods,
)
from . import (
    metrics as metrics,
)
from . import (
    models as models,
)
from . import (
    perturb as perturb,
)
from . import (
    pipeline as pipeline,
)
from . import (
    report as report,
)
from . import (
    singing as singing,
)
from . import (
    studies as studies,
)
from . import (
    synthetic as synthetic,
)
from . import (
    targets as targets,
)
from . import (
    training as training,
)
from .audio import load as load
from .core import errors as errors
from .core import types as types
from .core.errors import (
    AudioFileError as AudioFileError,
)
from .core.errors import (
    DataError as DataError,
)
from .core.errors import (
    EarwitnessError as EarwitnessError,
)
from .core.errors import (
    MissingExtraError as MissingExtraError,
)
from .core.errors import (
    ParameterError as ParameterError,
)
from .core.errors import (
    WeightsError as WeightsError,
)
from .core.types import Attribution as Attribution
from .core.types import Clip as Clip
from .core.types import Features as Features
from .listening import SplitSound as SplitSound
from .listening import listen as listen
from .methods import METHODS as METHODS
from .methods import explain as explain
from .models import AudioModel as AudioModel
from .models import load_model as load_model

__version__: str
