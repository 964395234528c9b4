"""Reports, in a package: what a service calls lies in other modules."""

from .clocks import Period, fresh_name
from .sources import Source

__all__ = ["Period", "Source", "fresh_name"]
