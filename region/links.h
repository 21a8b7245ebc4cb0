#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quorum/lease.h"
#include "quorum/types.h"
#include "region/peer_message.h"

namespace regent {

enum class LinkState : std::uint8_t {
  up,       // heard and being heard
  slow,     // late by the link's own habits, not yet given up
  one_way,  // heard, but the peer says it does not hear us
  down,     // silent
};
const char* link_state_name(LinkState state);

// How long a peer may be silent, from how regularly it was heard so far: phi accrual (Hayashibara,
// Défago, Yared, Katayama, "The phi accrual failure detector", 2004) over the last kWindow gaps,
// with a normal distribution whose deviation has a floor. A peer is given up at phi = 8, that is
// when a gap of its habit would end later with a probability of 1e-8 only; but not before
// kMostBeats expected gaps, which leave TCP time to send a lost heartbeat again.
class PhiEstimate {
 public:
  static constexpr std::size_t kWindow = 64;
  static constexpr int kMostBeats = 4;
  explicit PhiEstimate(Duration expected);
  // Gaps above kMostBeats expected ones are outages, not habits: they count as that many.
  void heard_after(Duration gap);
  // The silence after which the peer counts as gone.
  Duration patience() const { return patience_; }

 private:
  std::array<double, kWindow> gaps_{};  // seconds
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  double expected_;
  Duration patience_{};
};

// The state of the connections to all other gateways, from their heartbeats alone. Feeds routing,
// eligibility, events and display; no lease depends on it. Pure; one thread.
class Links {
 public:
  static constexpr std::size_t kRememberedSends = 64;

  Links(std::size_t gateways, GatewayId self, Duration heartbeat, DriftBound drift,
        std::string quorum_hash);

  // Fills the per-peer part of a heartbeat about to be sent: sequence, and what was heard.
  void stamp(GatewayId peer, Heartbeat& heartbeat, Instant now);
  // A genuine heartbeat of the peer. Out of order or repeated ones are ignored: false.
  bool heard(GatewayId peer, const Heartbeat& heartbeat, Instant now);

  LinkState state(GatewayId peer, Instant now) const;
  // No word for more than two heartbeats.
  bool suspect(GatewayId peer, Instant now) const;
  std::optional<Duration> round_trip(GatewayId peer) const;  // the last one measured
  std::optional<Instant> last_heard(GatewayId peer) const;
  // Whether its votes count here: the quorum part of its topology is ours. True before the first
  // heartbeat.
  bool quorum_match(GatewayId peer) const;
  // What the peer said last; nullptr before the first heartbeat.
  const Heartbeat* last(GatewayId peer) const;
  // Until when, on our clock, the lease that the peer's last heartbeat tells of is certain to run:
  // counted from when we sent what the peer had heard by then. Instant::min() when unknown.
  Instant lease_until(GatewayId peer) const;

  struct Change {
    GatewayId peer;
    LinkState from;
    LinkState to;
  };
  // State changes and newly suspect links since the last call. Costs nothing as long as no peer was
  // heard and none has been silent for long enough to matter.
  struct Report {
    std::vector<Change> changes;
    bool newly_suspect = false;
  };
  Report report(Instant now);
  // When to call report() again at the latest.
  Instant next_deadline(Instant now) const { return now + heartbeat_ / 2; }

 private:
  struct Peer {
    explicit Peer(Duration heartbeat) : phi(heartbeat) {}
    std::uint64_t sent = 0;  // last sequence sent
    std::array<Instant, kRememberedSends> sent_at{};
    std::optional<Heartbeat> last;
    bool matches = true;  // the quorum part of its topology is ours
    Instant last_heard = Instant::min();
    Instant first_heard{};  // of the peer's present life
    Instant heard_us_at{};  // when the last of ours that the peer has heard was sent
    Instant lease_until = Instant::min();
    std::optional<Duration> round_trip;
    PhiEstimate phi;
    LinkState reported = LinkState::down;
    bool reported_suspect = true;
  };
  void measure(Peer& peer, const Heartbeat& heartbeat, Instant now) const;
  Instant heard_until(const Peer& peer) const;
  Instant next_change(const Peer& peer, Instant now) const;

  GatewayId self_;
  Duration heartbeat_;
  DriftBound drift_;
  std::string quorum_hash_;
  std::vector<Peer> peers_;
  Instant next_change_ = Instant::min();  // before, report() has nothing new
};

}  // namespace regent
