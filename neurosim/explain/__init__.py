"""Why a run took as long as it did: critical path, verdict and what-if, from a trace.

Rooms: ``records`` (a trace as columns, every cause as an index), ``parts`` (the names of what time
is spent on), ``split`` (the gap between a record and its cause as named parts), ``path`` (from the
end of every step back to its beginning), ``graph`` (all that a record waited for, to time a run
anew), ``whatif`` (predictions), ``verdict`` (what bounds the run), ``whole`` (all of it together).
docs/reference/critical-path.md defines every part.
"""

from neurosim.explain.path import CriticalPath, critical_path
from neurosim.explain.records import Records, read

__all__ = ["CriticalPath", "Records", "critical_path", "read"]
