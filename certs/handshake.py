"""Which certificate an address serves, told by a handshake with it.

The certificate is only looked at here; what it is worth is for the ladder to say.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from certs.called import Address
from certs.ladder import Replica

__all__ = ["observe"]

#: The API server gives a whole admission call five.
_SECONDS: Final = 3.0


async def observe(address: Address, server_name: str) -> Replica:
    """Shake hands under the name that an API server would use, and take down what is served.

    An address that does not answer in time is no error: the reason stands in the result.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # to see what is wrong, too
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=server_name
            )
    except TimeoutError:
        return Replica(str(address), None, f"no handshake within {_SECONDS:g} s")
    except (OSError, ssl.SSLError) as error:
        return Replica(str(address), None, str(error) or type(error).__name__)
    secure = writer.get_extra_info("ssl_object")
    der = secure.getpeercert(binary_form=True) if secure else None
    writer.transport.abort()
    if not der:
        return Replica(str(address), None, "it showed no certificate")
    return Replica(str(address), ssl.DER_cert_to_PEM_cert(der).encode("ascii"))
