#include "gateway/status_json.h"

#include <algorithm>
#include <cmath>

#include "gateway/drill/faults_json.h"
#include "gateway/json.h"
#include "gateway/quorum_status.h"

namespace regent {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

std::int64_t lease_left_ms(const GatewayStatus& status, Instant now) {
  if (now >= status.lease_end) return 0;
  // Rounded down: what is announced is really left.
  return std::chrono::floor<std::chrono::milliseconds>(status.lease_end - now).count();
}

// A measured number of milliseconds with one digit behind the point, or null when there is none.
void set_measured(Object& object, const std::string& key, double milliseconds) {
  if (milliseconds < 0) {
    object.set(key, Poco::Dynamic::Var());
  } else {
    object.set(key, std::round(milliseconds * 10) / 10);
  }
}

void set_primary(Object& object, const GatewayStatus& status, Instant now) {
  if (status.knows_primary_at(now)) {
    object.set("primary", status.primary);
  } else {
    object.set("primary", Poco::Dynamic::Var());
  }
}

Array::Ptr links_json(const std::vector<LinkStatus>& links) {
  Array::Ptr array = new Array;
  for (const LinkStatus& link : links) {
    Object::Ptr object = ordered_object();
    object->set("region", link.region);
    object->set("gateway", link.gateway);
    object->set("state", link.state);
    set_measured(*object, "rtt_ms", link.rtt_ms);
    set_measured(*object, "last_heard_ms", link.last_heard_ms);
    object->set("topology_match", link.topology_match);
    object->set("quorum_match", link.quorum_match);
    object->set("eligible", link.eligible);
    if (!link.drill.empty()) object->set("drill", link.drill);
    array->add(object);
  }
  return array;
}

Array::Ptr services_json(const std::vector<ServiceStatus>& services) {
  Array::Ptr array = new Array;
  for (const ServiceStatus& service : services) {
    Array::Ptr backends = new Array;
    for (const BackendStatus& backend : service.backends) {
      Object::Ptr object = ordered_object();
      object->set("address", backend.address);
      object->set("healthy", backend.healthy);
      object->set("ejected", backend.ejected);
      object->set("requests", backend.requests);
      backends->add(object);
    }
    Object::Ptr object = ordered_object();
    object->set("name", service.name);
    object->set("healthy", service.healthy);
    object->set("queued", service.queued);
    object->set("backends", backends);
    array->add(object);
  }
  return array;
}

}  // namespace

Object::Ptr status_json(const GatewayStatus& status, Instant now) {
  Object::Ptr object = ordered_object();
  object->set("cluster", status.cluster);
  object->set("region", status.region);
  object->set("gateway", status.gateway);
  object->set("version", std::string(REGENT_VERSION));
  object->set("role", std::string(role_name(status.role_at(now))));
  object->set("epoch", status.epoch);
  set_primary(*object, status, now);
  object->set("lease_remaining_ms", lease_left_ms(status, now));
  object->set("paused", status.pause.paused);
  object->set("quorum", quorum_json(status.quorum));
  object->set("links", links_json(status.links));
  object->set("services", services_json(status.services));
  Object::Ptr topology = ordered_object();
  topology->set("version", status.topology_version);
  topology->set("hash", status.topology_hash);
  topology->set("quorum_hash", status.quorum_hash);
  object->set("topology", topology);
  Object::Ptr cache = ordered_object();
  cache->set("state", status.route_cache_state);
  cache->set("epoch", status.route_cache_epoch);
  object->set("route_cache", cache);
  object->set("faults", faults_json(status.faults, now));
  return object;
}

Object::Ptr route_json(const GatewayStatus& status, Instant now) {
  Object::Ptr object = ordered_object();
  set_primary(*object, status, now);
  object->set("epoch", status.epoch);
  if (!status.knows_primary_at(now)) {
    object->set("gateways", Array::Ptr(new Array));
    object->set("expires_in_ms", 0);
    object->set("message", std::string("no primary is known to gateway ") + status.region + "." +
                               status.gateway +
                               (status.quorum.outcome != Outcome::won ? ": no quorum answers it"
                                : status.pause.paused ? ": automatic failover is paused"
                                                      : ": an election has not ended yet"));
    return object;
  }
  const auto& gateways = status.primary_gateways;
  object->set("gateways",
              strings_json(gateways.empty() ? std::vector<std::string>{} : gateways[0].gateways));
  object->set("expires_in_ms", lease_left_ms(status, now));
  Object::Ptr services = ordered_object();
  for (const auto& of : gateways) services->set(of.service, strings_json(of.gateways));
  object->set("services", services);
  return object;
}

}  // namespace regent
