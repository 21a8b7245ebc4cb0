#include "gateway/cli/measured_round_trips.h"

#include <Poco/JSON/Array.h>

#include "gateway/cli/admin_client.h"

namespace regent::cli {
namespace {

void take_round_trip(const Topology& topology, RegionId from, const Poco::JSON::Object& link,
                     RoundTrips& trips) {
  const auto to = topology.find_region(link.optValue<std::string>("region", ""));
  const double ms = link.optValue<double>("rtt_ms", -1);
  if (!to || *to == from || ms < 0) return;
  const Duration measured(static_cast<Duration::rep>(ms * 1e6));
  const Duration known = trips.between[from.value][to->value];
  if (known == Duration{} || measured < known) trips.set(from, *to, measured);
}

}  // namespace

RoundTrips measured_round_trips(const Topology& topology, const std::string& certs) {
  RoundTrips trips = RoundTrips::unknown(topology);
  for (const TopologyGateway& gateway : topology.gateways) {
    ClientOptions options;
    options.admin = {Address{gateway.host, gateway.admin_port}.text()};
    options.certs = certs;
    auto client = AdminClient::make(options, false);
    if (std::holds_alternative<ClientError>(client)) continue;
    const auto answer = std::get<AdminClient>(client).get(
        "/v1/status", [](const AdminAnswer& got) { return got.code == 200; });
    if (!answer.ok() || answer->code != 200) continue;
    const auto links = answer->body->getArray("links");
    for (unsigned i = 0; !links.isNull() && i < links->size(); ++i) {
      take_round_trip(topology, gateway.region, *links->getObject(i), trips);
    }
  }
  trips.assume_longest();
  return trips;
}

}  // namespace regent::cli
