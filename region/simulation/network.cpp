#include "region/simulation/network.h"

#include <algorithm>
#include <utility>

#include "quorum/check.h"

namespace regent::simulation {
namespace {

constexpr Duration kLatest = std::chrono::minutes(1);

// What is due: a copy of a message.
enum Copy : std::uint32_t { in_time, late };

}  // namespace

Network::Network(Schedule& schedule, Random& random, std::vector<std::uint16_t> site_of,
                 std::vector<std::vector<Duration>> delays, Deliver deliver)
    : schedule_(schedule),
      random_(random),
      site_of_(std::move(site_of)),
      delays_(std::move(delays)),
      deliver_(std::move(deliver)),
      deaf_(site_of_.size()) {}

void Network::slow_down(std::uint16_t from_site, std::uint16_t to_site, Duration more) {
  delays_.at(from_site).at(to_site) += more;
}

void Network::set_cut(ProcessId from, ProcessId to, bool cut) {
  if (cuts_.empty()) cuts_.resize(processes() * processes());
  std::uint8_t& cuts = cuts_[from * processes() + to];
  if (cut) {
    CHECK(cuts < 255);
    ++cuts;
    ++cuts_now_;
  } else if (cuts > 0) {
    --cuts;
    --cuts_now_;
  }
}

void Network::heal() {
  std::fill(cuts_.begin(), cuts_.end(), 0);
  cuts_now_ = 0;
  std::fill(deaf_.begin(), deaf_.end(), false);
  late_are_lost_ = true;
}

Duration Network::up_to(Duration bound) {
  return Duration(random_.below(static_cast<std::uint64_t>(bound.count())));
}

std::uint32_t Network::keep(ProcessId from, ProcessId to, PeerMessage message) {
  if (free_packets_.empty()) {
    packets_.push_back({std::move(message), from, to, 0});
    return static_cast<std::uint32_t>(packets_.size() - 1);
  }
  const std::uint32_t place = free_packets_.back();
  free_packets_.pop_back();
  Packet& packet = packets_[place];
  packet.message = std::move(message);
  packet.from = from;
  packet.to = to;
  return place;
}

void Network::schedule_copy(std::uint32_t packet, Duration least, std::uint32_t copy) {
  Duration delay = least + up_to(conditions_.jitter);
  if (chance(conditions_.straggler_permille)) delay += up_to(conditions_.straggler_delay);
  ++packets_[packet].copies;
  schedule_.at(schedule_.now() + delay, *this, copy, packet);
}

void Network::send(ProcessId from, ProcessId to, PeerMessage message) {
  ++sent_;
  if (observer_) observer_(from, to, message);
  if (cut(from, to) || chance(conditions_.loss_permille)) return;
  if (deaf_[to] && std::holds_alternative<Heartbeat>(message)) return;
  const Duration least = delays_[site_of_[from]][site_of_[to]];
  const std::uint32_t packet = keep(from, to, std::move(message));
  schedule_copy(packet, least, in_time);
  while (chance(conditions_.duplicate_permille)) schedule_copy(packet, least, in_time);
  if (chance(conditions_.late_permille)) schedule_copy(packet, least + up_to(kLatest), late);
}

void Network::due(std::uint32_t copy, std::uint32_t packet) {
  Packet& kept = packets_[packet];
  if (copy == in_time || !late_are_lost_) deliver_(kept.from, kept.to, kept.message);
  if (--kept.copies == 0) free_packets_.push_back(packet);
}

}  // namespace regent::simulation
