#include <algorithm>

#include "region/member.h"

// Pause: while operators hold it, this gateway does not stand for a new epoch, unless its region is
// the one whose reign was the last. Renewing goes on, and so does a switchover. No lease depends on
// any of this.
namespace regent {

void Member::restore_pause(const PauseRecord& kept) {
  pause_.pause = kept.pause;
  // What was written down while nothing was paused may be long out of date.
  if (kept.pause.paused) pause_.last_reign = kept.last_reign;
}

void Member::set_paused(bool paused, Instant now, Outbox& out) {
  adopt_pause(pause_.ordered(paused), now, out);
}

bool Member::adopt_pause(const Pause& pause, Instant now, Outbox& out) {
  if (!pause_.adopt(pause)) return false;
  out.pause_changed = true;
  out.changed = true;
  update_standing(now);
  return true;
}

void Member::hear_pause(const Heartbeat& heartbeat, Instant now, Outbox& out) {
  saw_reign(heartbeat.last_reign, now, out);  // first, so that it counts when the pause begins
  adopt_pause(heartbeat.pause, now, out);
}

void Member::saw_reign(const Reign& reign, Instant now, Outbox& out) {
  if (reign.region == kNoRegion || !pause_.saw(reign) || !paused()) return;
  out.pause_changed = true;
  update_standing(now);
}

void Member::watch_reign(Instant now, Outbox& out) {
  const PrimaryView view = election_.view();
  saw_reign({view.epoch, false, view.primary}, now, out);
}

void Member::update_standing(Instant now) {
  election_.set_standing(eligible(now) && knows_pause() && !held_back(), rank(now), now);
}

bool Member::held_back() const {
  if (!paused()) return false;
  if (pause_.last_reign.known()) return pause_.last_reign.region != region_;
  // Nobody told of any primary. The nodes may remember one; if they do not, there never was one,
  // and choosing the first is no failover.
  Epoch last;
  Epoch last_of_ours;
  for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
    const NodeView& node = election_.node(NodeId{i});
    last = std::max(last, node.epoch);
    if (node.supports == region_) last_of_ours = std::max(last_of_ours, node.epoch);
  }
  return last_of_ours < last;
}

// A gateway that has just started may have missed that operators paused the cluster. It hears so
// from those it needs for winning, so it waits for the first word of enough regions; even to join
// an epoch of its region, which may be one that the region never won.
bool Member::knows_pause() {
  if (knows_pause_) return true;
  Ballot ballot(topology_.tree);
  for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
    const RegionId region = topology_.nodes[i].region;
    const auto& gateways = topology_.region(region).gateways;
    const bool heard =
        region == region_ || std::any_of(gateways.begin(), gateways.end(), [&](GatewayId gateway) {
          return links_.last(gateway) != nullptr;
        });
    if (heard) ballot.set(NodeId{i}, Vote::granted);
  }
  knows_pause_ = ballot.outcome() == Outcome::won;
  return knows_pause_;
}

}  // namespace regent
