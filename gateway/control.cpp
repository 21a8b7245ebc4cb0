#include "gateway/control.h"

#include <algorithm>

#include "region/clock.h"
#include "region/log.h"

namespace regent {

namespace {

// A status younger than this is handed out as it is; an older one is made anew, unless the control
// thread does not come to it in time.
constexpr Duration kStatusAge = std::chrono::milliseconds(20);
constexpr auto kStatusPatience = std::chrono::milliseconds(500);
// How much longer than the switchover itself an operator's call may wait for its outcome.
constexpr auto kReplyPatience = std::chrono::seconds(5);

std::string milliseconds_text(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

}  // namespace

Control::Control(std::shared_ptr<const Topology> topology, GatewayId self, Incarnation incarnation,
                 std::uint64_t seed, RouteCell& route, const WritesInFlight& writes,
                 Metrics& metrics, FaultSettings faults)
    : first_(std::move(topology)),
      topology_(*first_),
      self_(self),
      route_(route),
      writes_(writes),
      metrics_(metrics),
      current_(first_),
      started_(boot_now()),
      member_(topology_, self, incarnation, seed, REGENT_VERSION, started_),
      gateway_likeness_(topology_.gateways.size(), Likeness::same),
      node_matches_(topology_.nodes.size(), true),
      faults_(topology_, self, std::move(faults)),
      status_(std::make_shared<GatewayStatus>(
          make_status(topology_, self, member_, started_, started_))) {}

void Control::connect(ControlOutputs outputs) {
  outputs_ = std::move(outputs);
  if (outputs_.cut_redis) faults_.on_redis(outputs_.cut_redis);
}

void Control::from_node(NodeId node, PeerMessage message) {
  const bool queued = loop_.post([this, node, message = std::move(message)] {
    member_.from_node(node, message, boot_now(), outbox_);
  });
  if (!queued) log_event(LogLevel::warning, "message dropped: control queue is full");
}

void Control::from_gateway(GatewayId gateway, std::uint64_t connection, PeerMessage message) {
  const bool queued = loop_.post([this, gateway, connection, message = std::move(message)] {
    if (const auto* notice = std::get_if<DrillNotice>(&message)) {
      return faults_.heard(gateway, *notice, boot_now());
    }
    member_.from_gateway(gateway, connection, message, boot_now(), outbox_);
  });
  if (!queued) log_event(LogLevel::warning, "message dropped: control queue is full");
}

void Control::backends_changed() {
  const bool queued = loop_.post([this] { take_backends(); });
  if (!queued) log_event(LogLevel::warning, "backend health dropped: control queue is full");
}

void Control::run() {
  loop_.run([this] { return settle(); });
  answer_all_waiting();
}

void Control::answer_all_waiting() {
  for (auto& [token, promise] : waiting_) {
    promise.set_value({token, SwitchoverOutcome::not_possible, "this gateway is stopping", {}, {}});
  }
  waiting_.clear();
}

void Control::abandon_switchovers() {
  // A loop that takes no more tasks has answered them, or will when it ends.
  static_cast<void>(loop_.post([this] { answer_all_waiting(); }));
}

void Control::stop() {
  loop_.stop();
}

// Publish, then count the writes, then decide, then publish again, then send: so a route that stops
// writes is always out before their number is looked at and before a release leaves.
Instant Control::settle() {
  publish(boot_now());
  const std::int64_t in_flight = writes_.count();
  const Instant now = boot_now();
  member_.tick(now, in_flight, outbox_);
  publish(now);
  send(outbox_);
  mirror(now);
  report_links(outbox_);
  report_topologies();
  report_election(outbox_, now);
  report_pause(outbox_);
  outbox_ = {};
  renew_status(now);
  faults_.watch(*status_, now);
  tell_of_drill(now);
  return std::min(member_.next_deadline(now), faults_.next_deadline());
}

void Control::publish(Instant now) {
  Route route = make_route(topology_, self_, member_, now);
  faults_.apply_to(route);
  if (route == published_) return;
  published_ = route;
  route_.publish(std::move(route));
  outputs_.route_changed();
}

void Control::send(Outbox& outbox) {
  for (const auto& [node, message] : outbox.to_nodes) outputs_.to_node(node, message);
  for (auto& [gateway, message] : outbox.to_gateways) {
    mark_drill(message);
    outputs_.to_gateway(gateway, message);
  }
  for (const auto& [connection, message] : outbox.replies) outputs_.reply(connection, message);
  for (GatewayId gateway : outbox.reconnect) outputs_.reconnect(gateway);
  for (auto& [token, reply] : outbox.switchovers) {
    const auto waiting = waiting_.find(token);
    if (waiting == waiting_.end()) continue;
    waiting->second.set_value(std::move(reply));
    waiting_.erase(waiting);
  }
}

void Control::mirror(Instant now) {
  if (!outputs_.mirror) return;
  const PrimaryView view = member_.election().view();
  RouteRecord record;
  record.epoch = view.epoch;
  record.lease_end = view.until;
  if (view.until > now && view.primary != kNoRegion) {
    record.primary = topology_.region_name(view.primary);
    for (const Service& service : current_->services) {
      std::vector<std::string> addresses;
      for (GatewayId gateway : topology_.region(view.primary).gateways) {
        addresses.push_back(Address{topology_.gateway(gateway).host, service.port}.text());
      }
      record.gateways.emplace_back(service.name, std::move(addresses));
    }
  } else if (mirrored_.primary.empty() || mirrored_.lease_end <= now) {
    return;  // nothing is shown that would have to be taken back
  } else {
    record.epoch = mirrored_.epoch;  // given back before its lease ended
    record.lease_end = mirrored_.lease_end;
  }
  if (record == mirrored_) return;
  mirrored_ = record;
  outputs_.mirror(std::move(record));
}

void Control::report_links(const Outbox& outbox) {
  for (const Links::Change& change : outbox.link_changes) {
    const TopologyGateway& peer = topology_.gateway(change.peer);
    const std::string to = link_state_name(change.to);
    log_event(change.to == LinkState::up ? LogLevel::info : LogLevel::warning, "link changed",
              {{"region", topology_.region_name(peer.region)},
               {"gateway", peer.name},
               {"from", link_state_name(change.from)},
               {"to", to}});
    metrics_.count_partition_event("link_" + (to == "one-way" ? "one_way" : to));
  }
}

void Control::report_election(const Outbox& outbox, Instant now) {
  planned_ |= outbox.handed_over;
  const Election& election = member_.election();
  const Election::Role role = election.role();
  if (last_role_ == Election::Role::candidate && role != last_role_ && !lapsed_) {
    metrics_.count_election(role == Election::Role::holder ? "won" : "lost");
  }
  // A holder whose lease ran out waits as a candidate for late answers: that is no election.
  const bool began = role == Election::Role::candidate && role != last_role_;
  if (began) lapsed_ = last_role_ == Election::Role::holder;
  last_role_ = role;
  const bool quorum = published_.quorum;
  if (quorum != last_quorum_)
    metrics_.count_partition_event(quorum ? "quorum_back" : "quorum_lost");
  last_quorum_ = quorum;
  if (published_.primary == kNoRegion) {
    if (!without_primary_) without_primary_ = now;
  } else {
    if (last_primary_ != kNoRegion && published_.primary != last_primary_) {
      metrics_.count_primary_change(planned_ ? "switchover" : "failover");
      if (without_primary_ && !planned_) metrics_.observe_failover(now - *without_primary_);
    }
    without_primary_.reset();
    last_primary_ = published_.primary;
    planned_ = false;
  }
}

GatewayStatus Control::picture(Instant now) const {
  GatewayStatus status = make_status(*current_, self_, member_, started_, now);
  status.faults = faults_.status();
  status.failed_writes = metrics_.failed_writes();
  return status;
}

void Control::renew_status(Instant now) {
  const bool fresh = now - status_->taken < kStatusAge;
  const bool role_kept = status_->epoch == published_.epoch.value &&
                         status_->primary == topology_.region_name(published_.primary) &&
                         status_->serving == member_.election().holds_lease(now) &&
                         status_->pause == member_.pause().pause &&
                         status_->faults.running == faults_.status().running;
  if (fresh && role_kept) return;
  auto status = std::make_shared<GatewayStatus>(picture(now));
  if (status->role != logged_role_ || published_.epoch != logged_epoch_ ||
      published_.primary != logged_primary_) {
    logged_role_ = status->role;
    logged_epoch_ = published_.epoch;
    logged_primary_ = published_.primary;
    log_event(LogLevel::info, "role changed",
              {{"role", role_name(status->role)},
               {"epoch", std::to_string(status->epoch)},
               {"primary", status->primary.empty() ? "none" : status->primary},
               {"lease_ms", milliseconds_text(std::max(status->lease_end, now) - now)}});
  }
  {
    const std::scoped_lock lock(status_mutex_);
    status_ = std::move(status);
  }
  status_renewed_.notify_all();
}

std::shared_ptr<const GatewayStatus> Control::status() const {
  std::shared_ptr<const GatewayStatus> last;
  {
    const std::scoped_lock lock(status_mutex_);
    last = status_;
  }
  if (boot_now() - last->taken >= kStatusAge) {
    // Wakes the control thread, which makes a new picture after every task.
    if (loop_.post([] {})) {
      std::unique_lock lock(status_mutex_);
      status_renewed_.wait_for(lock, kStatusPatience, [&] { return status_ != last; });
      last = status_;
    }
  }
  auto status = std::make_shared<GatewayStatus>(*last);
  if (outputs_.backends) status->services = outputs_.backends();
  if (outputs_.mirror_state) {
    if (const auto state = outputs_.mirror_state()) {
      status->route_cache_state = state->up ? "up" : "down";
      status->route_cache_epoch = state->epoch.value;
    }
  }
  return status;
}

SwitchoverReply Control::switchover(const std::string& to, Duration timeout) {
  const auto region = topology_.find_region(to);
  if (!region) {
    return {
        0, SwitchoverOutcome::not_possible, "the topology has no region \"" + to + "\"", {}, {}};
  }
  return on_member(timeout, [this, timeout, to_region = *region](std::uint64_t token) {
    member_.switchover(to_region, timeout, token, boot_now(), outbox_);
  });
}

SwitchoverReply Control::leave(Duration limit) {
  return on_member(limit, [this, limit](std::uint64_t token) {
    member_.leave(limit, token, boot_now(), outbox_);
  });
}

// Waits for what the member says in the end to a wish that it is told there.
SwitchoverReply Control::on_member(Duration timeout, Wish wish) {
  auto promise = std::make_shared<std::promise<SwitchoverReply>>();
  auto outcome = promise->get_future();
  const bool queued = loop_.post([this, promise, tell = std::move(wish)] {
    const std::uint64_t token = next_token_++;
    waiting_.emplace(token, std::move(*promise));
    tell(token);
  });
  if (!queued) {
    return {0, SwitchoverOutcome::not_possible, "this gateway is stopping or overloaded", {}, {}};
  }
  if (outcome.wait_for(timeout + kReplyPatience) != std::future_status::ready) {
    return {0, SwitchoverOutcome::timed_out, "no outcome in time", {}, {}};
  }
  return outcome.get();
}

}  // namespace regent
