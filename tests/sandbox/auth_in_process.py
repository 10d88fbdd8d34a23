"""What authenticating one message costs, in CPU time, with every DNS answer in the cache.

Messages of 5, 50 and 500 kB as bench_auth.py makes them go through `Authenticator` in this
process. Client, DNS server and signer are not counted: the server only fills the cache beforehand.
Prints the median of five rounds in CPU milliseconds.
"""

import statistics
import time

from postroom.clock import SystemClock
from postroom.config import Config, DnsSection
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator, authentication_results
from postroom.milter.resolver import DnsResolver
from tests.fakes.dns import DnsServer
from tests.fakes.signer import Signer

from .authenticating import passed
from .letters import CLIENT, DOMAIN, signed_letters, zone
from .load import Letter

_ROUNDS = 5
_SIZES = (5_000, 50_000, 500_000)  # octets


async def measure(count: int) -> None:
    """Prints one line per size."""
    signer = Signer(DOMAIN)
    with DnsServer(zone(signer)) as server:
        resolver = DnsResolver(DnsSection(resolver=(server.address,)))
        authenticator = Authenticator(Config(), resolver, SystemClock())
        for size in _SIZES:
            letters = signed_letters(signer, size)
            await cost(authenticator, letters, len(letters))
            figure = await cost(authenticator, letters, count)
            print(f"{size // 1000:3} kB: {figure:.2f} CPU ms a message")


async def cost(authenticator: Authenticator, letters: list[Letter], count: int) -> float:
    """CPU milliseconds a message, the median of the rounds."""
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        for number in range(count):
            letter = letters[number % len(letters)]
            envelope = Envelope(
                client_address=CLIENT,
                helo=letter.helo,
                sender=letter.sender,
                recipients=(letter.recipient,),
            )
            verdict = await authenticator.authenticate(envelope, letter.raw)
            authentication_results(verdict, envelope, "mx.kontor.test")
            assert passed(verdict)
        rounds.append((time.process_time() - begin) * 1000 / count)
    return statistics.median(rounds)
