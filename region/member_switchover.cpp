#include <algorithm>

#include "region/member.h"

// Switchover: planned change of primary. The holder stops taking writes, waits for those in flight
// and for its siblings, gives the epoch back, and tells the successor to stand. Nothing is given
// back while a write is in flight: when the time is up before, the holder stays primary.
namespace regent {

namespace {

constexpr Duration kReplyGrace = std::chrono::seconds(1);  // for the way of a passed-on wish

std::string milliseconds_text(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) +
         " ms";
}

}  // namespace

void Member::switchover(RegionId to, Duration timeout, std::uint64_t token, Instant now,
                        Outbox& out) {
  const auto serving = serving_gateway(now);
  if (election_.holds_lease(now) || handover_ || !serving) {
    begin_handover(to, timeout, Asker{token}, now, out);
    return;
  }
  passed_on_[token] = now + timeout + kReplyGrace;
  out.to_gateways.emplace_back(*serving, SwitchoverRequest{token, to, timeout});
}

std::optional<GatewayId> Member::serving_gateway(Instant now) const {
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    const Heartbeat* last = links_.last(GatewayId{i});
    if (last != nullptr && last->serving && last->primary == election_.view().primary &&
        !links_.suspect(GatewayId{i}, now)) {
      return GatewayId{i};
    }
  }
  return std::nullopt;
}

std::optional<SwitchoverReply> Member::refusal(RegionId to, Instant now) const {
  const auto refuse = [](SwitchoverOutcome outcome, std::string why) {
    return SwitchoverReply{0, outcome, std::move(why), {}, {}};
  };
  if (to.value >= topology_.regions.size()) {
    return refuse(SwitchoverOutcome::not_possible, "the topology has no such region");
  }
  const TopologyRegion& target = topology_.region(to);
  if (!target.may_be_primary()) {
    return refuse(SwitchoverOutcome::unsafe,
                  target.name + (target.witness ? " is a witness: it votes, but is never primary"
                                                : " has priority 0: it never stands"));
  }
  if (handover_) {
    return refuse(SwitchoverOutcome::not_possible, "another switchover is under way");
  }
  if (!election_.holds_lease(now)) {
    return refuse(SwitchoverOutcome::not_possible,
                  "no gateway that can be reached from here holds a lease: there is no primary");
  }
  if (to != region_ && !fit(to, now)) {
    return refuse(SwitchoverOutcome::not_possible,
                  target.name +
                      " cannot take over now: no gateway of it is heard and eligible "
                      "(own nodes answering, enough healthy backends, same topology)");
  }
  return std::nullopt;
}

void Member::begin_handover(RegionId to, Duration timeout, std::optional<Asker> asker, Instant now,
                            Outbox& out) {
  if (const auto refused = refusal(to, now)) {
    if (asker) answer(*asker, *refused, out);
    return;
  }
  const Epoch epoch = election_.view().epoch;
  if (to == region_) {
    SwitchoverReply reply{0, SwitchoverOutcome::done, "", epoch, Duration::zero()};
    reply.message = topology_.region(to).name + " is primary already";
    if (asker) answer(*asker, std::move(reply), out);
    return;
  }
  handover_ =
      Handover{Handover::Stage::draining, to, epoch, now, now + timeout, {}, asker, std::nullopt};
  for (GatewayId sibling : topology_.region(region_).gateways) {
    const Heartbeat* last = links_.last(sibling);
    if (sibling == self_ || last == nullptr || !last->serving) continue;
    handover_->siblings.push_back(sibling);
    out.to_gateways.emplace_back(sibling, DrainRequest{epoch, to, timeout});
  }
  out.changed = true;
}

void Member::on_drain_request(GatewayId gateway, std::uint64_t connection,
                              const DrainRequest& request, Instant now, Outbox& out) {
  if (handover_) {
    // Two siblings began at once: the first in the topology's order goes on, the other joins in.
    const bool yields = draining() && !handover_->initiator && gateway < self_;
    if (!yields) return;
    finish_handover(SwitchoverOutcome::not_possible, "another switchover is under way", now, out);
  }
  const bool holds = election_.holds_lease(now) && election_.view().epoch == request.epoch;
  if (!holds) {
    out.replies.emplace_back(connection, Drained{request.epoch});
    return;
  }
  handover_ = Handover{Handover::Stage::draining,
                       request.successor,
                       request.epoch,
                       now,
                       now + request.timeout,
                       {},
                       std::nullopt,
                       connection};
  out.changed = true;
}

void Member::advance_handover(Instant now, std::int64_t writes_in_flight, Outbox& out) {
  if (!handover_) return;
  // One that fell silent need not be waited for: its promises keep the successor waiting instead.
  std::erase_if(handover_->siblings, [&](GatewayId sibling) {
    return links_.suspect(sibling, now) || !links_.last(sibling)->serving;
  });
  const bool late = now >= handover_->deadline;
  switch (handover_->stage) {
    case Handover::Stage::draining:
      if (!handover_->announced) {
        handover_->announced = true;  // the route that stops new writes is not published yet
      } else if (!election_.holds_lease(now)) {
        // As a sibling: what is not held any more needs no draining.
        if (handover_->initiator) {
          out.replies.emplace_back(*handover_->initiator, Drained{handover_->epoch});
        }
        finish_handover(SwitchoverOutcome::not_possible, "the lease was lost meanwhile", now, out);
      } else if (handover_->siblings.empty() && writes_in_flight == 0) {
        if (handover_->to == kNoRegion) {
          apply(election_.resign(now), now, out);
          finish_handover(SwitchoverOutcome::done, "", now, out);
          return;
        }
        handover_->stage = Handover::Stage::releasing;
        apply(election_.release(handover_->to, now), now, out);
        // Not waiting for the nodes' word saves a round trip: what tells the successor to stand
        // goes the same way as the close, behind it, and so do the successor's questions.
        if (!handover_->initiator) tell_successor(now, out);
      } else if (late) {
        finish_handover(SwitchoverOutcome::timed_out,
                        std::to_string(writes_in_flight) + " writes were still in flight and " +
                            std::to_string(handover_->siblings.size()) +
                            " sibling gateways had not finished; the primary stays",
                        now, out);
      }
      return;
    case Handover::Stage::releasing:
      return;  // ends by itself within the election window
    case Handover::Stage::waiting: {
      const PrimaryView view = election_.view();
      if (view.epoch > handover_->epoch && view.until > now) {
        const bool named = view.primary == handover_->to;
        finish_handover(named ? SwitchoverOutcome::done : SwitchoverOutcome::not_possible,
                        topology_.region_name(view.primary) + " is primary now", now, out);
      } else if (late) {
        finish_handover(SwitchoverOutcome::timed_out,
                        "the epoch was given back, but no region took over in time", now, out);
      }
      return;
    }
  }
}

void Member::tell_successor(Instant now, Outbox& out) {
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    if (GatewayId{i} == self_) continue;
    out.to_gateways.emplace_back(GatewayId{i}, HandOver{handover_->epoch, handover_->to});
  }
  out.handed_over = true;
  saw_reign({handover_->epoch, true, handover_->to}, now, out);
}

// The epoch is given back and enough nodes are free, so the successor is told again: it has no
// effect on one that stands already.
void Member::released(const Election::Output::HandOver& hand_over, Instant now, Outbox& out) {
  if (!handover_) return;
  if (handover_->initiator) {
    out.replies.emplace_back(*handover_->initiator, Drained{hand_over.epoch});
    handover_.reset();
    return;
  }
  tell_successor(now, out);
  handover_->stage = Handover::Stage::waiting;
  apply(election_.handed_over(hand_over.epoch, hand_over.successor, now), now, out);
}

void Member::finish_handover(SwitchoverOutcome outcome, std::string message, Instant now,
                             Outbox& out) {
  const Duration gap = now - handover_->started;
  const Epoch epoch = election_.view().epoch;
  if (outcome == SwitchoverOutcome::timed_out) {
    message += " (after " + milliseconds_text(gap) + ")";
  }
  const auto asker = handover_->asker;
  handover_.reset();
  out.changed = true;
  if (asker) answer(*asker, {0, outcome, std::move(message), epoch, gap}, out);
}

void Member::answer(const Asker& asker, SwitchoverReply reply, Outbox& out) const {
  if (const auto* token = std::get_if<std::uint64_t>(&asker)) {
    reply.id = *token;
    out.switchovers.emplace_back(*token, std::move(reply));
    return;
  }
  const Remote& remote = std::get<Remote>(asker);
  reply.id = remote.id;
  out.replies.emplace_back(remote.connection, std::move(reply));
}

}  // namespace regent
