"""A destination -> whether it may be kept, and what a trial comes to: what `api/destinations` needs of deliver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affekt.service.deliver import channels
from affekt.service.deliver.delivery import Sent
from affekt.service.deliver.net import Net
from affekt.service.deliver.worker import trial


class Trial:
    """The channels of `affekt.service.deliver`, over one way out."""

    def __init__(self, net: Net, *, link: str = "") -> None:
        self._net, self._link = net, link

    def check(self, kind: str, settings: Mapping[str, Any], secret: str) -> None:
        """Refuse what is no destination; nothing is connected to.

        Raises:
            UsageError: no such channel, or settings or a secret that it does not take.
        """
        channels.check(kind, settings, secret)

    async def test(self, tenant: str, destination: Mapping[str, Any]) -> dict[str, Any]:
        """Send a trial there now; give `{"sent", "status", "why"}`."""
        outcome = await trial(tenant, destination, self._net, link=self._link)
        if isinstance(outcome, Sent):
            return {"sent": True, "status": outcome.status, "why": None}
        return {"sent": False, "status": outcome.status, "why": outcome.why}
