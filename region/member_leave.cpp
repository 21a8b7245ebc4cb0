#include <algorithm>

#include "region/member.h"
#include "topology/analysis.h"

// The end of a gateway's life: it hands over what it holds, so that whoever comes next need not
// wait for its lease. The giving back itself is that of a switchover (member_switchover.cpp): the
// route that stops new writes first, then those in flight, and only then a word to the nodes.
namespace regent {

void Member::leave(Duration limit, std::uint64_t token, Instant now, Outbox& out) {
  CHECK(!leaving_);
  leaving_ = Leaving{now, now + limit, token};
  out.changed = true;
  update_standing(now);
}

void Member::advance_leaving(Instant now, Outbox& out) {
  if (!leaving_ || !leaving_->token) return;
  const bool waiting = handover_ && handover_->stage == Handover::Stage::waiting;
  if (handover_ && !waiting) return;  // it ends by itself, in time
  if (!election_.holds_lease(now)) {
    finish_leaving(SwitchoverOutcome::done,
                   waiting ? "handed over to " + topology_.region_name(handover_->to)
                           : "this gateway holds no lease",
                   now, out);
    return;
  }
  if (now >= leaving_->deadline) {
    finish_leaving(
        SwitchoverOutcome::timed_out,
        "writes were still in flight: nothing is given back, the lease runs out by itself", now,
        out);
    return;
  }
  const bool sibling_serves = sibling_can_go_on(true, now);
  // One that is told to end at the same time says so at once: leave it the time to be heard.
  if (sibling_serves && now < leaving_->started + topology_.timing.heartbeat / 2) return;
  // One that can serve but does not yet is about to: half of the time is for it.
  const Instant half = leaving_->started + (leaving_->deadline - leaving_->started) / 2;
  if (!sibling_serves && sibling_can_go_on(false, now) && now < half) return;
  if (!sibling_serves && !paused() && !leaving_->tried_others) {
    leaving_->tried_others = true;
    if (const auto successor = best_successor(now)) {
      begin_handover(*successor, leaving_->deadline - now, std::nullopt, now, out);
      return;
    }
  }
  handover_ = Handover{Handover::Stage::draining, kNoRegion, election_.view().epoch, now,
                       leaving_->deadline,        {},        std::nullopt,           std::nullopt};
  out.changed = true;
}

void Member::finish_leaving(SwitchoverOutcome outcome, std::string message, Instant now,
                            Outbox& out) {
  out.switchovers.emplace_back(*leaving_->token,
                               SwitchoverReply{*leaving_->token, outcome, std::move(message),
                                               election_.view().epoch, now - leaving_->started});
  leaving_->token.reset();
}

bool Member::sibling_can_go_on(bool serving, Instant now) const {
  const auto& siblings = topology_.region(region_).gateways;
  return std::any_of(siblings.begin(), siblings.end(), [&](GatewayId sibling) {
    const Heartbeat* last = links_.last(sibling);
    if (last == nullptr || last->draining || links_.suspect(sibling, now)) return false;
    const bool serves = last->serving && last->epoch == election_.view().epoch;
    return links_.quorum_match(sibling) && (serving ? serves : last->eligible);
  });
}

std::optional<RegionId> Member::best_successor(Instant now) const {
  for (const RegionId id : standing_order(topology_)) {
    if (id != region_ && fit(id, now)) return id;
  }
  return std::nullopt;
}

}  // namespace regent
