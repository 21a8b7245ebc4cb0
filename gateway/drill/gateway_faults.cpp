#include "gateway/drill/gateway_faults.h"

#include <algorithm>

#include "gateway/drill/process_faults.h"
#include "region/log.h"

namespace regent {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string seconds_text(Duration span) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(span).count());
}

FaultReply refused(FaultReply::Kind outcome, std::string rule, std::string message) {
  return {outcome, std::move(rule), std::move(message), {}};
}

}  // namespace

FaultReply GatewayFaults::order(const FaultOrder& order, FaultScene scene) {
  using Kind = FaultReply::Kind;
  if (!settings_.allowed) {
    return refused(Kind::not_allowed, "allow_faults",
                   "this gateway was started without --allow-faults");
  }
  if (order.breaks_processes() && settings_.supervisor < 0) {
    return refused(Kind::not_allowed, "local",
                   "`regent local --allow-faults` does not run this gateway, so no process can be "
                   "stopped or paused through it");
  }
  if (const std::string problem = unfit(order, scene.status); !problem.empty()) {
    return refused(Kind::unfit, "", problem);
  }
  watch(scene.status, scene.now);
  scene.running = status();
  scene.aborted = guard_.aborted(order.drill, scene.now);
  if (auto refusal = judge_faults(topology_, settings_, order, scene)) {
    log_event(LogLevel::warning, "faults refused",
              {{"drill", order.drill}, {"rule", refusal->rule}, {"reason", refusal->message}});
    return refused(Kind::refused, refusal->rule, refusal->message);
  }
  if (order.breaks_processes() || order_.breaks_processes()) {
    const Status held = hold_processes(order, order.length);
    if (!held.ok()) return refused(Kind::unavailable, "", held.error().message);
  }
  links_.heal();
  running_ = true;
  order_ = order;
  drill_ = order.drill;
  until_ = scene.now + order.length;
  watches_margin_ = remainder_of(topology_, order, scene).with_self;
  make(order, *topology_.find_region(scene.status.region));
  guard_.begin(order, scene.now);
  log_event(LogLevel::warning, order.breaks_anything() ? "faults begin" : "drill announced",
            {{"drill", drill_},
             {"drop_to", joined(order.drop_to)},
             {"drop_from", joined(order.drop_from)},
             {"delay_to", joined(order.delay_to)},
             {"drop_nodes", joined(order.drop_nodes)},
             {"drop_redis", order.drop_redis ? "true" : "false"},
             {"stop", joined(order.stop)},
             {"pause", joined(order.pause)},
             {"seconds", seconds_text(order.length)}});
  return {Kind::done, "", "", status()};
}

std::string GatewayFaults::unfit(const FaultOrder& order, const GatewayStatus& status) const {
  for (const auto* list : {&order.drop_to, &order.drop_from, &order.delay_to}) {
    for (const std::string& name : *list) {
      if (!topology_.find_region(name)) return "the topology has no region '" + name + "'";
    }
  }
  const RegionId own = *topology_.find_region(status.region);
  for (const std::string& name : order.drop_nodes) {
    if (!topology_.find_node(own, name)) {
      return "the topology has no node '" + name + "' in region " + status.region;
    }
  }
  for (const auto* list : {&order.stop, &order.pause}) {
    for (const std::string& name : *list) {
      if (!find_process(topology_, name)) {
        return "the topology has no process '" + name + "'; name it REGION/NAME";
      }
      // It could neither answer nor watch the quorum.
      if (name == status.region + "/" + status.gateway) {
        return "that is this gateway itself; order it at another one";
      }
    }
  }
  return "";
}

Status GatewayFaults::hold_processes(const FaultOrder& order, Duration length) {
  const TopologyGateway& own = topology_.gateway(self_);
  return send_process_faults(
      settings_.supervisor,
      {topology_.region_name(own.region) + "/" + own.name, length, order.stop, order.pause});
}

void GatewayFaults::make(const FaultOrder& order, RegionId own) {
  for (const std::string& name : order.drop_to) links_.cut_to(*topology_.find_region(name), until_);
  for (const std::string& name : order.drop_from) {
    links_.cut_from(*topology_.find_region(name), until_);
  }
  for (const std::string& name : order.delay_to) {
    links_.delay_to(*topology_.find_region(name), order.delay, until_);
  }
  for (const std::string& name : order.drop_nodes) {
    links_.cut_node(*topology_.find_node(own, name), until_);
  }
  cut_redis_(order.drop_redis ? until_ : Instant::min());
}

FaultReply GatewayFaults::end(const std::string& client) {
  if (!settings_.allowed) {
    return refused(FaultReply::Kind::not_allowed, "allow_faults",
                   "this gateway was started without --allow-faults");
  }
  const std::string message = running_ ? "drill " + drill_ + " is ended here" : "nothing ran here";
  const TopologyGateway& own = topology_.gateway(self_);
  if (running_) {
    stop("an operator ended it at " + topology_.region_name(own.region) + "." + own.name +
         ", from " + client);
  }
  return {FaultReply::Kind::done, "", message, status()};
}

void GatewayFaults::stop(const std::string& why) {
  links_.heal();
  cut_redis_(Instant::min());
  log_event(LogLevel::warning, "faults end", {{"drill", drill_}, {"reason", why}});
  if (order_.breaks_processes()) {
    if (const Status told = hold_processes({}, Duration::zero()); !told.ok()) {
      log_event(LogLevel::error, "processes stay stopped or paused until their time is over",
                {{"reason", told.error().message}});
    }
  }
  running_ = false;
  order_ = {};
  drill_.clear();
  last_end_ = why;
  guard_.end();
}

void GatewayFaults::watch(const GatewayStatus& status, Instant now) {
  guard_.look(status, now);
  if (!running_) return;
  if (now >= until_) return stop("its time is over");
  if (const auto told = guard_.told_to_end(now)) {
    guard_.end_as_told(*told, now);
    return stop(*told);
  }
  std::string why = margin_problem(status);
  if (why.empty()) why = guard_.reason_to_end(now).value_or("");
  if (why.empty()) return;
  guard_.end_by_rule(why, now);
  stop(why);
}

std::string GatewayFaults::margin_problem(const GatewayStatus& status) const {
  if (!watches_margin_ || !order_.breaks_anything()) return "";
  const auto minimum = static_cast<std::int64_t>(order_.min_margin.value_or(0));
  if (status.quorum.margin >= minimum) return "";
  return "the quorum's margin fell to " + std::to_string(status.quorum.margin) + ", below " +
         std::to_string(minimum);
}

void GatewayFaults::heard(GatewayId from, const DrillNotice& notice, Instant now) {
  guard_.heard(from, notice, now);
}

std::vector<std::pair<GatewayId, DrillNotice>> GatewayFaults::notices(Instant now) {
  return guard_.notices(now);
}

Instant GatewayFaults::next_deadline() const {
  return std::min(running_ ? until_ : kNever, guard_.next_deadline());
}

FaultsStatus GatewayFaults::status() const {
  return {settings_.allowed,
          running_,
          running_ ? order_ : FaultOrder{},
          running_ ? until_ : Instant::min(),
          last_end_,
          settings_.supervisor >= 0,
          running_ ? guard_.failed_writes() : 0};
}

void GatewayFaults::apply_to(Route& route) const {
  if (!running_ || !order_.breaks_links()) return;
  for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
    const RegionId region{i};
    if (!links_.cuts(region)) continue;
    route.cut.push_back(region);
    for (const GatewayId gateway : topology_.region(region).gateways) {
      std::erase(route.forward_to, gateway);
      if (std::ranges::count(route.lost, gateway) == 0) route.lost.push_back(gateway);
    }
  }
}

}  // namespace regent
