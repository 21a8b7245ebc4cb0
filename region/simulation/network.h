#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "quorum/random.h"
#include "region/peer_message.h"
#include "region/simulation/schedule.h"

namespace regent::simulation {

using ProcessId = std::uint32_t;

// How badly the network behaves; the chances are per message, in thousandths.
struct NetworkConditions {
  Duration jitter{};  // upper bound, added to each delay; above the gaps between messages: disorder
  std::uint32_t loss_permille = 0;
  std::uint32_t duplicate_permille = 0;
  std::uint32_t straggler_permille = 0;  // held up by up to `straggler_delay`
  Duration straggler_delay{};
  std::uint32_t late_permille = 0;  // comes a second time, up to a minute later
};

// Brings messages from process to process: late, twice, out of order, or never. One thread.
class Network final : private Schedule::Target {
 public:
  using Deliver = std::function<void(ProcessId from, ProcessId to, const PeerMessage& message)>;
  using Observer = std::function<void(ProcessId from, ProcessId to, const PeerMessage& message)>;

  // `site_of`: where each process is, by ProcessId; `delays`: the least time one way from site to
  // site, `delays[from][to]`.
  Network(Schedule& schedule, Random& random, std::vector<std::uint16_t> site_of,
          std::vector<std::vector<Duration>> delays, Deliver deliver);

  void set_conditions(const NetworkConditions& conditions) { conditions_ = conditions; }
  // Told of every message handed to send(), also of those that get lost.
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  // Messages sent from now on in this direction take this much longer; adds up, and so does taking
  // it back with a negative value.
  void slow_down(std::uint16_t from_site, std::uint16_t to_site, Duration more);
  // Drops what is sent from now on in this direction; what is under way arrives. Cuts that overlap
  // are counted: as many have to end.
  void set_cut(ProcessId from, ProcessId to, bool cut);
  bool cut(ProcessId from, ProcessId to) const {
    return cuts_now_ > 0 && cuts_[from * processes() + to] > 0;
  }
  // Heartbeats do not reach this process, while everything else does: it takes the others for dead.
  void set_deaf(ProcessId process, bool deaf) { deaf_.at(process) = deaf; }
  // Ends all cuts and all deafness, for good. Messages that were to come late are lost: one may
  // tell of an epoch that only the dead remember, or of a wish long fulfilled, and whoever hears of
  // that rightly leaves office.
  void heal();

  void send(ProcessId from, ProcessId to, PeerMessage message);

  std::size_t processes() const { return site_of_.size(); }
  std::uint64_t sent() const { return sent_; }

 private:
  // A message under way, also while copies of it are.
  struct Packet {
    PeerMessage message;
    ProcessId from = 0;
    ProcessId to = 0;
    std::uint32_t copies = 0;
  };
  void due(std::uint32_t copy, std::uint32_t packet) override;
  std::uint32_t keep(ProcessId from, ProcessId to, PeerMessage message);
  void schedule_copy(std::uint32_t packet, Duration least, std::uint32_t copy);
  bool chance(std::uint32_t permille) { return permille > 0 && random_.below(1000) < permille; }
  Duration up_to(Duration bound);

  Schedule& schedule_;
  Random& random_;
  std::vector<std::uint16_t> site_of_;
  std::vector<std::vector<Duration>> delays_;
  Deliver deliver_;
  Observer observer_;
  NetworkConditions conditions_;
  std::vector<std::uint8_t> cuts_;  // by from * processes + to; made with the first cut
  std::uint64_t cuts_now_ = 0;
  std::vector<bool> deaf_;      // by ProcessId
  bool late_are_lost_ = false;
  std::deque<Packet> packets_;  // stay where they are
  std::vector<std::uint32_t> free_packets_;
  std::uint64_t sent_ = 0;
};

}  // namespace regent::simulation
