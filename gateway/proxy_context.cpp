#include "gateway/proxy_context.h"

#include <algorithm>

#include "region/clock.h"

namespace regent {

bool HeldRequests::add(HttpExchange& exchange, std::size_t bytes) {
  const std::size_t held = totals_.held.fetch_add(1);
  const std::size_t held_bytes = totals_.held_bytes.fetch_add(bytes);
  if (held >= limits_.max_held || held_bytes + bytes > limits_.max_held_bytes) {
    leave_totals(bytes);
    return false;
  }
  waiting_.push_back(&exchange);
  observer_.held_changed(1);
  return true;
}

void HeldRequests::remove(HttpExchange& exchange, std::size_t bytes) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &exchange);
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  leave_totals(bytes);
  observer_.held_changed(-1);
}

void HeldRequests::leave_totals(std::size_t bytes) {
  totals_.held.fetch_sub(1);
  totals_.held_bytes.fetch_sub(bytes);
}

ProxyContext::ProxyContext(EventLoop& event_loop, PlaneShared& shared, std::size_t thread,
                           BackendPool& backends)
    : loop(event_loop),
      topology(shared.topology),
      self(shared.self),
      region(topology.gateway(self).region),
      region_name(topology.region_name(region)),
      route(shared.route),
      writes(shared.writes.place(thread)),
      pool(backends),
      observer(shared.observer.for_thread(thread)),
      totals(shared.totals) {}

void ProxyContext::set_table(const ServiceTable& table) {
  limits = table.limits;
  services_.clear();
  drained_at_.resize(table.services.size(), kNever);
  for (const ServiceEntry& entry : table.services) {
    Instant& drained = drained_at_[services_.size()];
    services_.push_back(nullptr);
    if (entry.settings) {
      services_.back() = std::make_shared<const Service>(*entry.settings);
      drained = kNever;
    } else if (drained == kNever) {
      drained = boot_now() + limits.stop_limit;
    }
  }
}

std::optional<std::uint32_t> ProxyContext::find_service(std::string_view name) const {
  for (std::uint32_t number = 0; number < services_.size(); ++number) {
    if (services_[number] && services_[number]->name == name) return number;
  }
  return std::nullopt;
}

bool ProxyContext::cut_off_from(std::string_view other) {
  if (other.empty()) return false;
  return std::ranges::any_of(route.get().cut, [&](RegionId id) {
    return topology.region_name(id) == other;
  });
}

ErrorContext ProxyContext::error_context() {
  const Route& now_route = route.get();
  ErrorContext error;
  error.epoch = now_route.epoch;
  error.region = region_name;
  if (now_route.knows_primary(boot_now())) error.primary = topology.region_name(now_route.primary);
  error.quorum = now_route.quorum;
  return error;
}

}  // namespace regent
