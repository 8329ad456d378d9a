"""A site that uses every kind of trunk and seat, for tests of rendered Asterisk files."""

from __future__ import annotations

from typing import Any

from dialer.settings.site import Settings

PASSWORDS = {"agent01": "made-for-agent-01"}


def a_site(**changes: Any) -> Settings:
    """Return a site with an IP-authenticated trunk, a registered TLS trunk, a desk phone and a browser phone."""
    values: dict[str, Any] = {
        "ami": {"secret": "a-long-random-secret"},
        "trunks": [
            {"name": "a", "endpoint": "carrier-a", "host": "10.9.0.10", "caller_ids": ["+911140000001"]},
            {
                "name": "b",
                "endpoint": "carrier-b",
                "host": "sip.carrier-b.internal",
                "networks": ["198.51.100.0/24"],
                "username": "matdan",
                "password": "p$&,=>w {x} |y|",
                "registers": True,
                "transport": "tls",
                "srtp": True,
                "caller_ids": ["+911140000002"],
            },
        ],
        "seats": [
            {"name": "01", "endpoint": "agent01"},
            {"name": "02", "endpoint": "agent02", "webrtc": True},
        ],
        **changes,
    }
    return Settings.model_validate(values)
