"""One URL of the open web: its bytes, or the reason why there are none.

Nothing that a server does may cost more than the limits: time, bytes, redirects and connections are
bounded, addresses that are not public are refused (also behind names and redirects), and servers
that say so in `X-Robots-Tag` are left alone.
"""

import asyncio
import email.utils
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp
from aiohttp.resolver import ThreadedResolver
from yarl import URL

# Reasons that may be gone at another time; all others are final.
TRANSIENT = {"timeout", "connection", "dns_temporary"}
TRANSIENT |= {f"http_{status}" for status in (408, 425, 429, 500, 502, 503, 504)}
OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex", "none"}
VALUED = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
HOUR = re.compile(r"\s\d\d?$")  # what precedes the first colon of a date
REDIRECTS = {301, 302, 303, 307, 308}
CHUNK = 1 << 16  # bytes
# IPv6 addresses in which an IPv4 address of any kind can hide (NAT64, 6to4, IPv4-compatible), and
# site-local ones, which Python takes for public.
HIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96", "fec0::/10")
)


@dataclass(frozen=True)
class Limits:
    """What one URL may cost, and who asks.

    Attributes:
        deadline: seconds for one URL, with all attempts and the waits between them.
        attempts: how often a URL is asked for, if what fails is transient.
        backoff: seconds before the second attempt; doubled before each further one, unless the
            server says `Retry-After`.
        max_bytes: of a body.
        connections, connections_per_host: open at a time.
        user_agent: who asks, honestly, with a way to reach the asker.
        allowed_addresses: networks that are asked though they are not public (a test server).
    """

    user_agent: str
    deadline: float = 30.0
    attempts: int = 3
    backoff: float = 1.0
    max_bytes: int = 20_000_000
    max_redirects: int = 5
    connections: int = 64
    connections_per_host: int = 4
    allowed_addresses: Sequence[str] = ()


class Fetched(NamedTuple):
    """What came of one URL: a body, or None and the reason (`error`) why not.

    `http_code` is the status by which the last attempt that had one came to its end.
    """

    body: bytes | None
    error: str
    http_code: int | None
    attempts: int


class FetchError(Exception):
    """One attempt that failed; `retry_after` is the wait in seconds that the server asked for."""

    def __init__(
        self, reason: str, http_code: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.http_code, self.retry_after = reason, http_code, retry_after


class PublicResolver(ThreadedResolver):
    """Resolves names, and refuses those that lead to an address that is not public."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        self.allowed = allowed

    async def resolve(self, host, port=0, family=socket.AF_INET):
        """As aiohttp's resolver; raises FetchError for an address that is not public."""
        found = await super().resolve(host, port, family)
        for each in found:
            check_address(each["host"], self.allowed)
        return found


def open_session(limits: Limits) -> aiohttp.ClientSession:
    """A session that keeps to the limits; close it when all is done."""
    connector = aiohttp.TCPConnector(
        limit=limits.connections,
        resolver=PublicResolver(limits.allowed_addresses),
    )
    # Bodies are taken as they are: a compressed one could grow without bound.
    headers = {"User-Agent": limits.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )


async def fetch(session: aiohttp.ClientSession, url: str, limits: Limits) -> Fetched:
    """Ask for a URL until it comes, fails for good, or has used up its attempts or its time."""
    clock = asyncio.get_running_loop().time
    end = clock() + limits.deadline
    attempt, code = 0, None
    while True:
        attempt += 1
        try:
            async with asyncio.timeout_at(end):
                return Fetched(await _request(session, url, limits), "", 200, attempt)
        except TimeoutError:
            return Fetched(None, "timeout", code, attempt)
        except FetchError as error:
            failure = error
        code = failure.http_code or code
        wait = limits.backoff * 2 ** (attempt - 1)
        if failure.retry_after is not None:
            wait = failure.retry_after
        is_last = attempt == limits.attempts or clock() + wait >= end
        if is_last or failure.reason not in TRANSIENT:
            return Fetched(None, failure.reason, code, attempt)
        await asyncio.sleep(wait)


def check_address(address: str, allowed: Sequence[str]) -> None:
    """Refuse an IP address that is neither public nor in a network of `allowed`.

    Raises:
        FetchError: private_address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in ipaddress.ip_network(network) for network in allowed):
        return
    is_hidden = any(ip in network for network in HIDDEN)
    if is_hidden or ip.is_multicast or not ip.is_global:
        raise FetchError("private_address")


def has_opted_out(headers: Sequence[str], user_agent: str) -> bool:
    """Whether `X-Robots-Tag` headers ask not to be used by anyone, or by this user agent.

    A directive may name its addressee, for itself and for all that follow up to the next one:
    "googlebot: noindex, noai" concerns that one alone. The colon of "max-snippet: -1" names none,
    nor do those of a date, which may have a comma too.
    """
    for header in headers:
        is_for_us = True
        for directive in header.lower().split(","):
            name, colon, rest = directive.partition(":")
            if colon and name.strip() not in VALUED and not HOUR.search(name):
                is_for_us, directive = name.strip() in user_agent.lower(), rest
            if is_for_us and directive.strip() in OPT_OUT:
                return True
    return False


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait from a `Retry-After` header: a number, or a date; None if it says neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except Exception:  # of a year, a zone or a number that is out of all bounds
        return None


async def _request(session: aiohttp.ClientSession, url: str, limits: Limits) -> bytes:
    """One attempt, redirects followed one by one, so that each place is checked.

    Raises:
        FetchError: for whatever keeps the body from coming.
    """
    try:
        for _ in range(limits.max_redirects + 1):
            target = _parse(url, limits)
            async with session.get(target, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in REDIRECTS or location is None:
                    return await _read(response, limits)
                url = str(target.join(URL(location)))
        raise FetchError("redirects")
    except aiohttp.ClientConnectorDNSError as error:
        again = getattr(error.os_error, "errno", None) == socket.EAI_AGAIN
        raise FetchError("dns_temporary" if again else "dns") from error
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        raise FetchError("tls") from error
    except (aiohttp.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError("bad_url") from error
    except aiohttp.ClientResponseError as error:
        raise FetchError("bad_response") from error
    except aiohttp.ServerTimeoutError as error:
        raise FetchError("timeout") from error
    except (aiohttp.ClientError, OSError) as error:
        raise FetchError("connection") from error


def _parse(url: str, limits: Limits) -> URL:
    target = URL(url)
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError("bad_url")
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        return target  # a name: the resolver checks where it leads
    check_address(target.host, limits.allowed_addresses)
    return target


async def _read(response: aiohttp.ClientResponse, limits: Limits) -> bytes:
    """The body of a response, within the limits."""
    status = response.status
    if status != 200:
        wait = parse_retry_after(response.headers.get("Retry-After"), time.time())
        raise FetchError(f"http_{status}", status, wait)
    if has_opted_out(response.headers.getall("X-Robots-Tag", []), limits.user_agent):
        raise FetchError("opted_out", status)
    if (response.content_length or 0) > limits.max_bytes:
        raise FetchError("too_large", status)
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > limits.max_bytes:
            raise FetchError("too_large", status)
    if not body:
        raise FetchError("empty", status)
    return bytes(body)
