"""What of an open service those may look at who watch it."""

import attrs

from domain.policy.route_book import RouteBook
from domain.services.drains import Drains
from domain.services.service import Service
from ports.limiter import Limiter


@attrs.define(eq=False)
class Inside:
    """Filled in as the service opens; ``None``: there is none, or not yet."""

    service: Service | None = None
    drains: Drains | None = None
    limiter: Limiter | None = None
    book: RouteBook | None = None
