#include "gateway/service_table.h"

#include <algorithm>

namespace regent {
namespace {

std::shared_ptr<DestinationState> make_gateway(std::uint16_t id, const TopologyGateway& gateway,
                                               GatewayId self) {
  const bool own = id == self.value;
  auto state = std::make_shared<DestinationState>(
      id, own ? Address{} : Address{gateway.host, gateway.forward_port});
  state->gateway = GatewayId{id};
  return state;
}

std::shared_ptr<DestinationState> find_backend(const ServiceEntry& entry, const Address& target) {
  const auto found = std::ranges::find_if(
      entry.backends, [&](const auto& backend) { return backend->target == target; });
  return found == entry.backends.end() ? nullptr : *found;
}

std::uint32_t number_of(ServiceTable& table, const std::string& name) {
  const auto found =
      std::ranges::find_if(table.services, [&](const auto& entry) { return entry.name == name; });
  if (found == table.services.end()) {
    table.services.push_back({name, std::make_shared<ServiceState>(), nullptr, nullptr, {}});
    return static_cast<std::uint32_t>(table.services.size() - 1);
  }
  return static_cast<std::uint32_t>(found - table.services.begin());
}

}  // namespace

void ProxyLimits::set(const Traffic& traffic) {
  threads = traffic.threads;
  max_clients = traffic.max_connections;
  max_held = traffic.max_held;
  max_held_bytes = traffic.max_held_bytes;
  stop_limit = traffic.stop_limit;
}

std::map<std::uint16_t, std::uint32_t> ServiceTable::ports() const {
  std::map<std::uint16_t, std::uint32_t> ports;
  for (const std::uint32_t number : order) {
    ports.emplace(services[number].settings->port, number);
  }
  return ports;
}

ServiceTable next_table(const ServiceTable& now, const Topology& next, GatewayId self) {
  ServiceTable table;
  table.limits = now.limits;
  table.gateways = now.gateways;
  table.next_destination = now.next_destination;
  for (auto id = static_cast<std::uint16_t>(table.gateways.size()); id < next.gateways.size();
       ++id) {
    table.gateways.push_back(make_gateway(id, next.gateways[id], self));
    ++table.next_destination;
  }
  for (const ServiceEntry& entry : now.services) {
    table.services.push_back({entry.name, entry.state, nullptr, nullptr, {}});
  }
  const RegionId region = next.gateway(self).region;
  for (const Service& service : next.services) {
    const std::uint32_t number = number_of(table, service.name);
    ServiceEntry& entry = table.services[number];
    entry.settings = std::make_shared<const Service>(service);
    table.order.push_back(number);
    if (region.value >= service.backends.size()) continue;
    for (const Address& target : service.backends[region.value]) {
      std::shared_ptr<DestinationState> backend;
      if (number < now.services.size()) backend = find_backend(now.services[number], target);
      if (!backend) {
        backend = std::make_shared<DestinationState>(table.next_destination++, target);
        backend->service = number;
      }
      entry.backends.push_back(std::move(backend));
    }
  }
  return table;
}

}  // namespace regent
