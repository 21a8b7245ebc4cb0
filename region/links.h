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

// How likely it is that a peer is gone, from how regularly it was heard so far: phi accrual
// (Hayashibara, Défago, Yared, Katayama, "The phi accrual failure detector", 2004) over the last
// kWindow gaps, with a normal distribution whose deviation has a floor.
class PhiEstimate {
 public:
  static constexpr std::size_t kWindow = 64;
  explicit PhiEstimate(Duration expected);
  void heard_after(Duration gap);
  // -log10 of the probability that a gap this long is still to end; 0 right after hearing.
  double phi(Duration silent_for) const;

 private:
  std::array<double, kWindow> gaps_{};  // seconds
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  double expected_;
};

// The state of the connections to all other gateways, from their heartbeats alone. Feeds routing,
// eligibility, events and display; no lease depends on it. Pure; one thread.
class Links {
 public:
  static constexpr double kPhiDown = 8.0;
  static constexpr std::size_t kRememberedSends = 64;

  Links(std::size_t gateways, GatewayId self, Duration heartbeat, DriftBound drift,
        std::string topology_hash);

  // Fills the per-peer part of a heartbeat about to be sent: sequence, and what was heard.
  void stamp(GatewayId peer, Heartbeat& heartbeat, Instant now);
  // A genuine heartbeat of the peer. Out of order or repeated ones are ignored: false.
  bool heard(GatewayId peer, const Heartbeat& heartbeat, Instant now);

  LinkState state(GatewayId peer, Instant now) const;
  // No word for more than two heartbeats.
  bool suspect(GatewayId peer, Instant now) const;
  std::optional<Duration> round_trip(GatewayId peer) const;  // the last one measured
  std::optional<Instant> last_heard(GatewayId peer) const;
  bool topology_match(GatewayId peer) const;
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
  // State changes and newly suspect links since the last call.
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

  GatewayId self_;
  Duration heartbeat_;
  DriftBound drift_;
  std::string topology_hash_;
  std::vector<Peer> peers_;
};

}  // namespace regent
