#include "gateway/cli/drill_watch.h"

#include <Poco/JSON/Array.h>

#include "region/clock.h"

namespace regent::cli {
namespace {

void take_sums(const Poco::JSON::Object& quorum, GatewaySample& sample) {
  sample.total = quorum.optValue<std::uint64_t>("total", 0);
  sample.won = quorum.optValue<std::string>("outcome", "") == "won";
  const auto regions = quorum.getArray("regions");
  for (unsigned i = 0; !regions.isNull() && i < regions->size(); ++i) {
    const auto region = regions->getObject(i);
    sample.sums.push_back({region->getValue<std::string>("name"),
                           region->optValue<std::uint64_t>("weight", 0),
                           region->optValue<std::uint64_t>("node_weight", 0),
                           region->optValue<std::uint64_t>("node_needed", 0),
                           region->optValue<std::uint64_t>("node_total", 0),
                           region->optValue<std::string>("outcome", "") == "won"});
  }
}

std::uint64_t lost_nodes(const Poco::JSON::Object& quorum) {
  std::uint64_t lost = 0;
  const auto regions = quorum.getArray("regions");
  for (unsigned r = 0; !regions.isNull() && r < regions->size(); ++r) {
    const auto nodes = regions->getObject(r)->getArray("nodes");
    for (unsigned n = 0; !nodes.isNull() && n < nodes->size(); ++n) {
      lost += nodes->getObject(n)->optValue("reachable", false) ? 0 : 1;
    }
  }
  return lost;
}

void take_status(const Poco::JSON::Object& status, const std::string& drill,
                 GatewaySample& sample) {
  sample.answered = true;
  sample.primary = status.isNull("primary") ? "" : status.getValue<std::string>("primary");
  sample.serving = status.optValue<std::string>("role", "") == "primary";
  sample.epoch = status.optValue<std::uint64_t>("epoch", 0);
  sample.lease_ms = status.optValue<double>("lease_remaining_ms", 0);
  if (const auto quorum = status.getObject("quorum")) {
    sample.margin = quorum->optValue<std::int64_t>("margin", 0);
    sample.weight = quorum->optValue<std::uint64_t>("weight", 0);
    sample.needed = quorum->optValue<std::uint64_t>("needed", 0);
    take_sums(*quorum, sample);
    sample.lost_nodes = lost_nodes(*quorum);
  }
  if (const auto faults = status.getObject("faults")) {
    sample.faults =
        faults->optValue("running", false) && faults->optValue<std::string>("drill", "") == drill;
    sample.faults_end = faults->optValue<std::string>("last_end", "");
  }
  const auto links = status.getArray("links");
  for (unsigned i = 0; !links.isNull() && i < links->size(); ++i) {
    const auto link = links->getObject(i);
    sample.links.emplace_back(
        link->getValue<std::string>("region") + "." + link->getValue<std::string>("gateway"),
        link->getValue<std::string>("state"));
    sample.ready += link->optValue("eligible", false) ? 1 : 0;
    sample.hears_of_drill |= !link->optValue<std::string>("drill", "").empty();
  }
}

}  // namespace

DrillWatch::DrillWatch(const Topology& topology, std::string certs, std::string id, Instant zero)
    : topology_(topology),
      certs_(std::move(certs)),
      id_(std::move(id)),
      zero_(zero),
      last_(topology.gateways.size()) {}

void DrillWatch::start() {
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    threads_.emplace_back([this, i] { run(GatewayId{i}); });
  }
}

void DrillWatch::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<GatewaySample> DrillWatch::samples() const {
  const std::scoped_lock lock(mutex_);
  return samples_;
}

std::vector<GatewaySample> DrillWatch::last() const {
  const double oldest = std::chrono::duration<double>(boot_now() - zero_ - kStale).count();
  const std::scoped_lock lock(mutex_);
  std::vector<GatewaySample> last = last_;
  for (GatewaySample& sample : last) sample.answered = sample.answered && sample.at > oldest;
  return last;
}

void DrillWatch::run(GatewayId id) {
  const TopologyGateway& gateway = topology_.gateway(id);
  ClientOptions options;
  options.admin = {Address{gateway.host, gateway.admin_port}.text()};
  options.certs = certs_;
  auto made = AdminClient::make(options, false);
  if (std::holds_alternative<ClientError>(made)) return;  // the operator's own client says why
  auto& client = std::get<AdminClient>(made);
  while (!stopping_) {
    GatewaySample sample;
    sample.region = topology_.region_name(gateway.region);
    sample.gateway = gateway.name;
    const auto now = [this] { return std::chrono::duration<double>(boot_now() - zero_).count(); };
    sample.asked = now();
    const auto answer = client.get("/v1/status", [](const AdminAnswer&) { return true; });
    sample.at = now();
    if (answer.ok() && answer->code == 200) take_status(*answer->body, id_, sample);
    {
      const std::scoped_lock lock(mutex_);
      if (samples_.size() < kMaxSamples) samples_.push_back(sample);
      last_[id.value] = sample;
    }
    std::this_thread::sleep_for(kEvery);
  }
}

}  // namespace regent::cli
