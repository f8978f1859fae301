"""Which advertisements a virtual host believes: the strict rules of receipt, the same in every dialect.

No receiver looks at MAC addresses, and nobody rejects a counter for being old: OpenBSD repeats one for the life of
an interface, and ucarp's goes backwards when a split heals. What old counters are good for is told by their seals.
"""

from collections import Counter
from typing import Final, NamedTuple, final

from triocarp.core.advertisement import Advertisement
from triocarp.core.authentication import Keyring
from triocarp.core.configuration import VirtualHostConfig
from triocarp.core.events import PacketReceived
from triocarp.core.family import IPAddress
from triocarp.core.ipv4 import TTL
from triocarp.core.reasons import DropReason
from triocarp.core.sealed_counter import CounterSeal, Sealed, SealJudge, SealVerdict, age_of
from triocarp.core.sealing import Sealing
from triocarp.core.timing import SECOND
from triocarp.core.transport import Transport

DIAGNOSES: Final = 10
"""How many packets a second get the closer look that tells other addresses from another password."""

DROPPED_FOR: Final = {
    SealVerdict.UNSEALED: DropReason.UNSEALED,
    SealVerdict.ALTERED: DropReason.ALTERED,
    SealVerdict.STALE: DropReason.STALE,
    SealVerdict.UNPROVEN: DropReason.UNPROVEN,
    SealVerdict.REPLAYED: DropReason.REPLAYED,
}
"""Why an advertisement whose seal is not as it must be is dropped."""


class Judgement(NamedTuple):
    """What is thought of one advertisement.

    Attributes:
        reason: why it is dropped; None if it is believed.
        key: which password signed it, 0 for the one that we sign with.
        seal: what its seal is like; None if nobody looked.
        age: how long ago it was sealed, in nanoseconds, if its seal is genuine and stale.
    """

    reason: DropReason | None
    key: int = 0
    seal: SealVerdict | None = None
    age: int = 0


_LOOKS_LIKE_NOBODY_S: Final = frozenset({SealVerdict.UNSEALED, SealVerdict.ALTERED})

_BAD_TTL: Final = Judgement(DropReason.BAD_TTL)
_OWN: Final = Judgement(DropReason.OWN)
_BAD_DESTINATION: Final = Judgement(DropReason.BAD_DESTINATION)
_BAD_SOURCE: Final = Judgement(DropReason.BAD_SOURCE)
_BELIEVED: Final = Judgement(None)


@final
class Receiver:
    """Judges the advertisements that carry the VHID of one virtual host.

    Args:
        config: of the virtual host.
        keyring: its passwords.
        seals: one for each password.

    Attributes:
        seals_seen: how often each verdict about a seal was found.
    """

    __slots__ = (
        "_any_ttl",
        "_config",
        "_destinations",
        "_destinations_packed",
        "_diagnoses",
        "_diagnosing_since",
        "_judge",
        "_keyring",
        "_last_destination",
        "_last_source",
        "_mistaken_peers",
        "_own",
        "_own_packed",
        "_peers",
        "_peers_packed",
        "_seals",
        "_unsealed_peers",
        "seals_seen",
    )

    def __init__(self, config: VirtualHostConfig, keyring: Keyring, seals: tuple[CounterSeal, ...]) -> None:
        unicast = config.transport is Transport.UNICAST
        self._config = config
        self._keyring = keyring
        self._seals = seals
        self._own = frozenset(config.sources.values())
        self._destinations = self._own if unicast else frozenset(config.destinations)
        self._peers = frozenset(config.peers) if unicast else None
        # The same as they stand in a packet.
        self._own_packed = frozenset(address.packed for address in self._own)
        self._destinations_packed = frozenset(address.packed for address in self._destinations)
        self._peers_packed = None if self._peers is None else frozenset(peer.packed for peer in self._peers)
        # Of the last packet whose header was as it must be.
        self._last_source: IPAddress | None = None
        self._last_destination: IPAddress | None = None
        self._any_ttl = config.routed_peers
        self._unsealed_peers = frozenset(config.unsealed_peers)
        self._judge: SealJudge | None = None
        self._diagnosing_since = 0
        self._diagnoses = 0
        self._mistaken_peers: set[bytes] = set()  # whose addresses were found to be others, in this second
        self.seals_seen: Counter[SealVerdict] = Counter()

    def begin_to_judge_seals(self, wall: int) -> None:
        """Begin to look at seals, with nothing to remember: at the start, and after the wall clock was set.

        Args:
            wall: now, in nanoseconds since the Unix epoch.
        """
        observed = self._config.sealing is Sealing.OBSERVE
        self._judge = SealJudge(self._seals, window=self._config.seal_window, since=wall, believes_past=observed)

    def judge(
        self, packet: PacketReceived, advertisement: Advertisement, now: int, offset: int | None
    ) -> Judgement:
        """Return what to think of an advertisement, and remember its seal if it is believed.

        Args:
            packet: as received.
            advertisement: what it holds.
            now: nanoseconds.
            offset: nanoseconds from `now` to the wall clock; None while that is unknown.
        """
        source, destination = packet.source, packet.destination
        # One master is heard for hours, and who reads packets gives its address as the same object each time;
        # addresses are hashed and compared in Python, slowly.
        if source is not self._last_source or destination is not self._last_destination or packet.ttl != TTL:
            wrong = self._judge_header(packet)
            if wrong is not None:
                return wrong
            self._last_source, self._last_destination = source, destination
        key = self._keyring.key_of(advertisement.counter, advertisement.digest)
        if key is None:
            return Judgement(self._diagnose(packet, advertisement, now))
        if self._config.sealing is Sealing.OFF:
            return Judgement(None, key) if key else _BELIEVED
        return self._judge_seal(packet, advertisement, None if offset is None else now + offset, key)

    def _judge_header(self, packet: PacketReceived) -> Judgement | None:
        """Return why a packet is dropped for its IP header; None if it is not."""
        if packet.ttl != TTL and not self._any_ttl:
            return _BAD_TTL
        if packet.source in self._own:
            # Our own frame came back. Counter and digest would not tell: two hosts that both go on from a
            # third one's counter send identical headers.
            return _OWN
        if packet.destination not in self._destinations:
            return _BAD_DESTINATION
        if self._peers is not None and packet.source not in self._peers:
            return _BAD_SOURCE
        return None

    def is_flooded(self, now: int) -> bool:
        """Return whether so many packets were signed by nobody that no more get a closer look at present.

        Args:
            now: nanoseconds.
        """
        return self._diagnoses > DIAGNOSES and now - self._diagnosing_since < SECOND

    def is_forged(self, source: bytes, destination: bytes, counter: int, digest: bytes) -> bool:
        """Return whether an advertisement with the right TTL would be dropped for its signature and nothing else.

        One from a peer of which we found that it has other addresses is dropped for that.

        Args:
            source: the IP source address, packed.
            destination: the IP destination address, packed.
            counter: as received.
            digest: as received, 20 bytes.
        """
        return (
            source not in self._own_packed
            and destination in self._destinations_packed
            and (self._peers_packed is None or source in self._peers_packed)
            and source not in self._mistaken_peers
            and self._keyring.key_of(counter, digest) is None
        )

    def excuses(self, verdict: SealVerdict, peer: IPAddress) -> bool:
        """Return whether a seal may be like that, since the peer is one of those that do not seal.

        A counter that nobody sealed may look like an altered seal by chance: OpenBSD's constant one does so twice
        in each 18.2 hours. What was sealed once and is old is never excused.

        Args:
            verdict: what the seal is like.
            peer: whose it is.
        """
        return peer in self._unsealed_peers and verdict in _LOOKS_LIKE_NOBODY_S

    def has_sealed(self, peer: IPAddress) -> bool:
        """Return whether a peer is known to seal its counters.

        Args:
            peer: who.
        """
        return self._judge is not None and self._judge.has_sealed(peer)

    def take_note_of_own(self, sealed: Sealed, counter: int, wall: int) -> None:
        """Remember a counter of ours: hosts that do not seal go on from it.

        Args:
            sealed: what it covers.
            counter: as sent.
            wall: now, in nanoseconds since the Unix epoch.
        """
        if self._judge is not None:
            self._judge.accept(counter, sealed, wall)

    def _judge_seal(
        self, packet: PacketReceived, advertisement: Advertisement, wall: int | None, key: int
    ) -> Judgement:
        enforced = self._config.sealing is Sealing.ENFORCE
        if self._judge is None or wall is None:
            # Without a clock nothing can be told from what was sent yesterday.
            return Judgement(DropReason.UNPROVEN if enforced else None, key)
        sealed = Sealed(
            vhid=advertisement.vhid,
            advbase_s=advertisement.advbase_s,
            advskew=advertisement.advskew,
            demotion=advertisement.demotion,
            source=packet.source,
        )
        verdict = self._judge.judge(advertisement.counter, sealed, wall)
        self.seals_seen[verdict] += 1
        if verdict is SealVerdict.GENUINE:
            self._judge.accept(advertisement.counter, sealed, wall)
            return Judgement(None, key, verdict)
        age = age_of(advertisement.counter, wall)
        if enforced and not self.excuses(verdict, packet.source):
            return Judgement(DROPPED_FOR[verdict], key, verdict, age)
        return Judgement(None, key, verdict, age)

    def _diagnose(self, packet: PacketReceived, advertisement: Advertisement, now: int) -> DropReason:
        """Return what may be wrong with an advertisement that nobody with our password and addresses signed."""
        if now - self._diagnosing_since >= SECOND:
            self._diagnosing_since, self._diagnoses = now, 0
            self._mistaken_peers.clear()
        self._diagnoses += 1
        peer = packet.source.packed
        if self._diagnoses > DIAGNOSES:
            # A flood gets no more of our time: from one that we understood comes more of the same.
            mistaken = peer in self._mistaken_peers
        elif mistaken := self._keyring.has_other_addresses(
            advertisement.counter, advertisement.digest, packet.source
        ):
            self._mistaken_peers.add(peer)
        return DropReason.BAD_ADDRESSES if mistaken else DropReason.BAD_AUTHENTICATION
