#include "region/links.h"

#include <algorithm>
#include <cmath>

namespace regent {

namespace {

// A normally distributed value exceeds its mean by this many deviations with probability 1e-8.
constexpr double kDeviationsAtPhi8 = 5.612;

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

const char* link_state_name(LinkState state) {
  switch (state) {
    case LinkState::up:
      return "up";
    case LinkState::slow:
      return "slow";
    case LinkState::one_way:
      return "one-way";
    case LinkState::down:
      return "down";
  }
  return "down";
}

PhiEstimate::PhiEstimate(Duration expected)
    : expected_(seconds(expected)), patience_(kMostBeats * expected) {}

void PhiEstimate::heard_after(Duration gap) {
  gaps_[next_] = std::min(seconds(gap), kMostBeats * expected_);
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
  double sum = expected_;  // one gap as it should be, so that the first ones do not decide alone
  double squares = expected_ * expected_;
  for (std::size_t i = 0; i < count_; ++i) {
    sum += gaps_[i];
    squares += gaps_[i] * gaps_[i];
  }
  const double n = static_cast<double>(count_) + 1;
  const double mean = sum / n;
  const double variance = std::max(0.0, squares / n - mean * mean);
  const double deviation = std::max(std::sqrt(variance), expected_ / 4);
  const double patience = std::max(mean + kDeviationsAtPhi8 * deviation, kMostBeats * expected_);
  patience_ = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(patience));
}

Links::Links(std::size_t gateways, GatewayId self, Duration heartbeat, DriftBound drift,
             std::string quorum_hash)
    : self_(self),
      heartbeat_(heartbeat),
      drift_(drift),
      quorum_hash_(std::move(quorum_hash)),
      peers_(gateways, Peer(heartbeat)) {}

void Links::stamp(GatewayId id, Heartbeat& heartbeat, Instant now) {
  Peer& peer = peers_.at(id.value);
  heartbeat.sequence = ++peer.sent;
  peer.sent_at[peer.sent % kRememberedSends] = now;
  heartbeat.heard_sequence = peer.last ? peer.last->sequence : 0;
  heartbeat.heard_ago = peer.last ? now - peer.last_heard : Duration::zero();
}

bool Links::heard(GatewayId id, const Heartbeat& heartbeat, Instant now) {
  Peer& peer = peers_.at(id.value);
  if (peer.last && peer.last->incarnation == heartbeat.incarnation) {
    if (heartbeat.sequence <= peer.last->sequence) return false;
    peer.phi.heard_after(now - peer.last_heard);
  } else {
    peer.first_heard = now;
  }
  next_change_ = now;
  peer.last_heard = now;
  peer.last = heartbeat;
  peer.matches = heartbeat.quorum_hash == quorum_hash_;
  measure(peer, heartbeat, now);
  return true;
}

void Links::measure(Peer& peer, const Heartbeat& heartbeat, Instant now) const {
  peer.lease_until = Instant::min();
  const std::uint64_t echoed = heartbeat.heard_sequence;
  const bool known = echoed != 0 && echoed <= peer.sent && peer.sent - echoed < kRememberedSends;
  if (!known || heartbeat.heard_ago < Duration::zero()) return;
  const Instant sent = peer.sent_at[echoed % kRememberedSends];
  if (heartbeat.heard_ago > now - sent) return;  // longer than our word has been out
  const Duration held = at_least_here(heartbeat.heard_ago, drift_);
  peer.heard_us_at = std::max(peer.heard_us_at, sent);
  peer.round_trip = now - sent - held;
  if (heartbeat.lease_left > Duration::zero()) {
    peer.lease_until = sent + held + at_least_here(heartbeat.lease_left, drift_);
  }
}

// We are heard when the peer has lately echoed something we sent not long ago.
Instant Links::heard_until(const Peer& peer) const {
  const Duration patience = 3 * heartbeat_ + peer.round_trip.value_or(Duration::zero());
  return std::max(peer.heard_us_at, peer.first_heard) + patience;
}

// When silence will change the state of the link, or whether it is suspect.
Instant Links::next_change(const Peer& peer, Instant now) const {
  Instant next = kNever;
  if (!peer.last) return next;
  for (const Instant limit : {peer.last_heard + 2 * heartbeat_,
                              peer.last_heard + peer.phi.patience(), heard_until(peer)}) {
    if (limit >= now) next = std::min(next, limit);
  }
  return next;
}

LinkState Links::state(GatewayId id, Instant now) const {
  const Peer& peer = peers_.at(id.value);
  if (!peer.last) return LinkState::down;
  const Duration silent_for = now - peer.last_heard;
  if (silent_for > 2 * heartbeat_) {
    return silent_for >= peer.phi.patience() ? LinkState::down : LinkState::slow;
  }
  if (now > heard_until(peer)) return LinkState::one_way;
  return LinkState::up;
}

bool Links::suspect(GatewayId id, Instant now) const {
  const Peer& peer = peers_.at(id.value);
  return !peer.last || now - peer.last_heard > 2 * heartbeat_;
}

std::optional<Duration> Links::round_trip(GatewayId id) const {
  return peers_.at(id.value).round_trip;
}

std::optional<Instant> Links::last_heard(GatewayId id) const {
  const Peer& peer = peers_.at(id.value);
  return peer.last ? std::optional(peer.last_heard) : std::nullopt;
}

bool Links::quorum_match(GatewayId id) const {
  const Peer& peer = peers_.at(id.value);
  return peer.matches;
}

const Heartbeat* Links::last(GatewayId id) const {
  const Peer& peer = peers_.at(id.value);
  return peer.last ? &*peer.last : nullptr;
}

Instant Links::lease_until(GatewayId id) const {
  return peers_.at(id.value).lease_until;
}

Links::Report Links::report(Instant now) {
  Report report;
  if (now < next_change_) return report;
  next_change_ = kNever;
  for (std::uint16_t i = 0; i < peers_.size(); ++i) {
    const GatewayId id{i};
    if (id == self_) continue;
    Peer& peer = peers_[i];
    const LinkState state_now = state(id, now);
    if (state_now != peer.reported) {
      report.changes.push_back({id, peer.reported, state_now});
      peer.reported = state_now;
    }
    const bool suspect_now = suspect(id, now);
    report.newly_suspect |= suspect_now && !peer.reported_suspect;
    peer.reported_suspect = suspect_now;
    next_change_ = std::min(next_change_, next_change(peer, now));
  }
  return report;
}

}  // namespace regent
