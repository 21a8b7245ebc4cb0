#include "gateway/drill/drill_guard.h"

#include <algorithm>

#include "gateway/duration_text.h"

namespace regent {
namespace {

// Others may say any number.
std::uint64_t capped_sum(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, UINT64_MAX - a);
}

}  // namespace

DrillGuard::DrillGuard(const Topology& topology, GatewayId self)
    : topology_(topology),
      self_(self),
      patience_(std::max<Duration>(kPatience, 4 * topology.timing.heartbeat)),
      peers_(topology.gateways.size()),
      cut_(topology.regions.size(), false) {}

void DrillGuard::begin(const FaultOrder& order, Instant now) {
  const bool anew = !running_ || drill_ != order.drill;
  if (drill_ != order.drill) count_for(order.drill, now);
  if (anew || !limits_.no_primary_for) primary_seen_ = now;
  running_ = true;
  limits_ = order.abort;
  cut_.assign(topology_.regions.size(), false);
  for (const auto* list : {&order.drop_to, &order.drop_from}) {
    for (const std::string& name : *list) cut_.at(topology_.find_region(name)->value) = true;
  }
  next_notice_ = now;
}

void DrillGuard::end() {
  running_ = false;
  limits_ = {};
  cut_.assign(topology_.regions.size(), false);
}

void DrillGuard::end_by_rule(const std::string& why, Instant now) {
  const TopologyGateway& own = topology_.gateway(self_);
  tell_end(topology_.region_name(own.region) + "." + own.name + " ended it: " + why, now);
}

void DrillGuard::end_as_told(const std::string& why, Instant now) {
  tell_end(why, now);
}

void DrillGuard::tell_end(const std::string& text, Instant now) {
  if (running_ && drill_ != kNoDrill) {
    ended_drill_ = drill_;
    ended_text_ = text;
    tells_end_until_ = now + kTellsEnd;
    next_notice_ = now;
  }
  end();
}

// What was said of earlier drills, of the same name perhaps, is of no use for this one.
void DrillGuard::count_for(const std::string& drill, Instant now) {
  drill_ = drill;
  failed_ = 0;
  for (Peer& peer : peers_) {
    if (!fresh(peer, now)) peer = {};
  }
}

void DrillGuard::heard(GatewayId from, DrillNotice notice, Instant now) {
  Peer& peer = peers_.at(from.value);
  std::uint64_t failed_before = 0;
  if (peer.notice.drill == notice.drill) {
    failed_before = peer.failed_before;
    const std::uint64_t last = peer.notice.failed_writes;
    if (notice.failed_writes < last) failed_before = capped_sum(failed_before, last);
  }
  if (notice.running && drill_.empty()) count_for(notice.drill, now);
  peer = {std::move(notice), now, Instant::min(), failed_before};
  const Duration serves_for = std::min(peer.notice.serves_for, topology_.timing.lease);
  if (serves_for > Duration::zero()) peer.serves_until = now + serves_for;
}

void DrillGuard::look(const GatewayStatus& status, Instant now) {
  if (now - looked_ > patience_) primary_seen_ = now;
  looked_ = now;
  serves_until_ = status.serving ? status.lease_end : Instant::min();
  primary_seen_ = std::max(primary_seen_, std::min(now, serves_until_));
  for (const Peer& peer : peers_) {
    primary_seen_ = std::max(primary_seen_, std::min(now, peer.serves_until));
  }
  if (!isolated(now)) failed_ += status.failed_writes - failed_in_all_;
  failed_in_all_ = status.failed_writes;
  if (!running_ && !drill_.empty() && !runs_elsewhere(drill_, now)) drill_.clear();
}

bool DrillGuard::fresh(const Peer& peer, Instant now) const {
  return peer.heard != Instant{} && now - peer.heard < patience_;
}

bool DrillGuard::runs_elsewhere(const std::string& drill, Instant now) const {
  return std::ranges::any_of(peers_, [&](const Peer& peer) {
    return fresh(peer, now) && peer.notice.running && peer.notice.drill == drill;
  });
}

// By this gateway's faults, or by those of the region's gateways, as far as they are heard.
bool DrillGuard::cut_off_from(RegionId region, Instant now) const {
  if (cut_.at(region.value)) return true;
  bool cut = false;
  for (const GatewayId gateway : topology_.region(region).gateways) {
    const Peer& peer = peers_.at(gateway.value);
    if (!fresh(peer, now)) continue;
    if (!peer.notice.cuts_receiver) return false;
    cut = true;
  }
  return cut;
}

// The drill cuts this gateway off from everybody else, so it has to refuse writes.
bool DrillGuard::isolated(Instant now) const {
  const RegionId own = topology_.gateway(self_).region;
  bool cut = false;
  for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
    if (RegionId{i} == own) continue;
    if (!cut_off_from(RegionId{i}, now)) return false;
    cut = true;
  }
  return cut;
}

std::optional<std::string> DrillGuard::told_to_end(Instant now) const {
  if (!running_ || drill_ == kNoDrill) return std::nullopt;
  for (const Peer& peer : peers_) {
    const DrillNotice& said = peer.notice;
    if (fresh(peer, now) && said.drill == drill_ && !said.running && !said.ended.empty()) {
      return said.ended;
    }
  }
  return std::nullopt;
}

std::optional<std::string> DrillGuard::reason_to_end(Instant now) const {
  if (!running_) return std::nullopt;
  if (limits_.failed_writes && failed_writes() > *limits_.failed_writes) {
    return failed_text(failed_writes(), *limits_.failed_writes);
  }
  if (limits_.no_primary_for && now - primary_seen_ > *limits_.no_primary_for) {
    return "there was no primary for " + duration_text(*limits_.no_primary_for);
  }
  return std::nullopt;
}

std::string DrillGuard::aborted(const std::string& drill, Instant now) const {
  if (drill == kNoDrill) return "";
  if (drill == ended_drill_ && now < tells_end_until_) return ended_text_;
  for (const Peer& peer : peers_) {
    if (fresh(peer, now) && peer.notice.drill == drill && !peer.notice.running) {
      if (!peer.notice.ended.empty()) return peer.notice.ended;
    }
  }
  return "";
}

std::uint64_t DrillGuard::failed_writes() const {
  std::uint64_t sum = failed_;
  for (const Peer& peer : peers_) {
    if (peer.notice.drill != drill_) continue;
    sum = capped_sum(sum, capped_sum(peer.failed_before, peer.notice.failed_writes));
  }
  return sum;
}

bool DrillGuard::tells(GatewayId to, Instant now) const {
  if (to == self_) return false;
  const Peer& peer = peers_.at(to.value);
  return running_ || now < tells_end_until_ || (fresh(peer, now) && peer.notice.running);
}

DrillNotice DrillGuard::notice_to(GatewayId to, Instant now) const {
  DrillNotice notice;
  notice.drill = drill_;
  notice.running = running_;
  if (!running_ && now < tells_end_until_) {
    notice.drill = ended_drill_;
    notice.ended = ended_text_;
  }
  if (serves_until_ > now) notice.serves_for = serves_until_ - now;
  if (notice.drill == drill_) notice.failed_writes = failed_;
  notice.cuts_receiver = cut_.at(topology_.gateway(to).region.value);
  return notice;
}

std::vector<std::pair<GatewayId, DrillNotice>> DrillGuard::notices(Instant now) {
  std::vector<std::pair<GatewayId, DrillNotice>> list;
  if (now < next_notice_) return list;
  for (std::uint16_t i = 0; i < peers_.size(); ++i) {
    if (tells(GatewayId{i}, now)) list.emplace_back(GatewayId{i}, notice_to(GatewayId{i}, now));
  }
  if (!list.empty()) next_notice_ = now + topology_.timing.heartbeat;
  return list;
}

Instant DrillGuard::next_deadline() const {
  Instant next = kNever;
  for (std::uint16_t i = 0; i < peers_.size(); ++i) {
    if (tells(GatewayId{i}, looked_)) next = next_notice_;
  }
  if (!running_ || !limits_.no_primary_for) return next;
  Instant lease_end = std::max(primary_seen_, serves_until_);
  for (const Peer& peer : peers_) lease_end = std::max(lease_end, peer.serves_until);
  return std::min(next, lease_end + *limits_.no_primary_for + Duration(1));
}

}  // namespace regent
